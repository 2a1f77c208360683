"""`lab.down` after a crash: whatever moment the lab was killed at, nothing of it stays on the machine."""

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
from skerry.lab import cgroup, processes
from skerry.lab.place import Place
from tests.lab.runs import PROJECT, until

UP = "from skerry import lab; lab.up(backend='nspawn', names=['k1', 'k2'])"


def left(here: Place) -> list[str]:
    """Everything on this machine that bears the lab's mark."""
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    mounts = Path("/proc/self/mountinfo").read_text()
    return [
        *processes.machines(here.mark),
        *cgroup.machines(here.mark),
        *(path.name for path in Path("/sys/class/net").iterdir() if here.mark in path.name),
        *(line for line in rules.splitlines() if here.mark in line),
        *(line for line in mounts.splitlines() if f"{here.root}/hosts" in line),
        *(str(path) for path in (here.root / "hosts").glob("*")),
    ]


def host_folder(here: Place) -> bool:
    return (here.root / "hosts" / "k1").exists()


def a_record(here: Place) -> bool:
    return (here.root / "hosts" / "k1" / "host.json").exists()


def the_bridge(here: Place) -> bool:
    return (Path("/sys/class/net") / here.mark).exists()


def a_process(here: Place) -> bool:
    return bool(processes.machines(here.mark))


def a_cable(here: Place) -> bool:
    return any(path.name.startswith(f"vb-{here.mark}") for path in Path("/sys/class/net").iterdir())


@pytest.mark.parametrize("moment", [host_folder, a_record, the_bridge, a_process, a_cable])
def test_a_killed_up_leaves_nothing_that_down_does_not_remove(
    here: Place, moment: Callable[[Place], bool]
) -> None:
    assert left(here) == []
    with subprocess.Popen([sys.executable, "-c", UP], cwd=PROJECT, start_new_session=True) as killed:
        try:
            until(lambda: moment(here) or killed.poll() is not None, moment.__name__)
            assert killed.poll() is None, "it was over before it could be killed"
        finally:
            os.killpg(killed.pid, signal.SIGKILL)
    lab.down()
    assert left(here) == []


def test_a_killed_up_is_completed_by_the_next(here: Place) -> None:
    with subprocess.Popen([sys.executable, "-c", UP], cwd=PROJECT, start_new_session=True) as killed:
        until(lambda: a_process(here), "a host's process")
        os.killpg(killed.pid, signal.SIGKILL)
    assert [host.state for host in lab.up(backend="nspawn", names=["k1", "k2"])] == ["running", "running"]
    lab.down()
    assert left(here) == []


def test_a_host_whose_manager_was_killed_is_seen_as_stopped_and_taken_down(here: Place) -> None:
    [host] = lab.up(backend="nspawn", names=["k1"])
    assert host.pid is not None
    os.kill(host.pid, signal.SIGKILL)
    until(lambda: lab.hosts()[0].state == "stopped", "the end of the host", seconds=30)
    lab.down()
    assert left(here) == []


def test_down_spares_what_is_not_the_labs(here: Place) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    lab.up(backend="nspawn", names=["k1"])
    lab.down()
    time.sleep(0.2)
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()
