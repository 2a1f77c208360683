"""`lab.down` after a crash: whenever `lab.up` was killed, nothing of the lab remains on the machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from skerry import lab
from skerry.lab import host_cgroups, processes
from skerry.lab.folder import LabFolder
from skerry.local.paths import PROJECT
from tests.lab.runs import wait_for

UP = "from skerry import lab; lab.up(backend='nspawn', names=['k1', 'k2'])"


def remains(folder: LabFolder) -> list[str]:
    """Everything on this machine that belongs to the lab."""
    prefix = folder.resource_prefix
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    mounts = Path("/proc/self/mountinfo").read_text()
    return [
        *processes.machines(prefix),
        *host_cgroups.machines(prefix),
        *(path.name for path in Path("/sys/class/net").iterdir() if prefix in path.name),
        *(line for line in rules.splitlines() if prefix in line),
        *(line for line in mounts.splitlines() if f"{folder.root}/hosts" in line),
        *(str(path) for path in (folder.root / "hosts").glob("*")),
    ]


def host_folder(folder: LabFolder) -> bool:
    return (folder.root / "hosts" / "k1").exists()


def a_record(folder: LabFolder) -> bool:
    return (folder.root / "hosts" / "k1" / "host.json").exists()


def the_bridge(folder: LabFolder) -> bool:
    return (Path("/sys/class/net") / folder.resource_prefix).exists()


def a_process(folder: LabFolder) -> bool:
    return bool(processes.machines(folder.resource_prefix))


def a_cable(folder: LabFolder) -> bool:
    return any(
        path.name.startswith(f"vb-{folder.resource_prefix}") for path in Path("/sys/class/net").iterdir()
    )


@pytest.mark.parametrize("moment", [host_folder, a_record, the_bridge, a_process, a_cable])
def test_a_killed_up_leaves_nothing_that_down_does_not_remove(
    folder: LabFolder, moment: Callable[[LabFolder], bool]
) -> None:
    assert remains(folder) == []
    with subprocess.Popen([sys.executable, "-c", UP], cwd=PROJECT, start_new_session=True) as up:
        try:
            wait_for(lambda: moment(folder) or up.poll() is not None, moment.__name__)
            assert up.poll() is None, "it ended before it could be killed"
        finally:
            os.killpg(up.pid, signal.SIGKILL)
    lab.down()
    assert remains(folder) == []


def test_a_killed_up_is_completed_by_the_next(folder: LabFolder) -> None:
    with subprocess.Popen([sys.executable, "-c", UP], cwd=PROJECT, start_new_session=True) as up:
        wait_for(lambda: a_process(folder), "a host's process")
        os.killpg(up.pid, signal.SIGKILL)
    assert [host.state for host in lab.up(backend="nspawn", names=["k1", "k2"])] == ["running", "running"]
    lab.down()
    assert remains(folder) == []


def test_a_host_whose_nspawn_process_was_killed_counts_as_stopped_and_is_taken_down(
    folder: LabFolder,
) -> None:
    [host] = lab.up(backend="nspawn", names=["k1"])
    assert host.pid is not None
    os.kill(host.pid, signal.SIGKILL)
    wait_for(lambda: lab.hosts()[0].state == "stopped", "the end of the host", seconds=30)
    lab.down()
    assert remains(folder) == []


def test_down_leaves_processes_that_are_not_the_labs(folder: LabFolder) -> None:
    other_process = subprocess.Popen(["sleep", "60"])
    lab.up(backend="nspawn", names=["k1"])
    lab.down()
    time.sleep(0.2)
    assert other_process.poll() is None
    other_process.kill()
    other_process.wait()
