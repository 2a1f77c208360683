"""The road on an emulated machine with a kernel of its own: swap, modules, sysctls, cgroup, reboots.

K3s is the stand-in of tests/doubles. The tests are one story and run in order: each stage needs the one before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from testinfra.host import Host

from skerry import lab
from skerry.checks.readings import wrong_now
from skerry.checks.shell import Shell
from skerry.commands.hosts.verify import write_ssh_config
from skerry.commands.inventory import load
from skerry.model.hardening import catalogue
from skerry.model.hardening.host_context import HostContext
from tests.doubles import make_artifacts
from tests.lab.runs import PROJECT, Result, Running, take_down, write_inventory

NAME = "vm1"
VERSION = "v1.36.3+k3s1"  # refuses cgroup v1, on which the host boots first
RESET_SECONDS = 60  # a boot takes longer where there is no KVM
FIRST = -3  # a little before the layers beside it, which take less long and have to answer in time, too
SECONDS = 1800  # emulation is ten to thirty times slower than the machine itself


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lab.LabHost]:
    """A fresh host with active swap, booted with cgroup v1 as Ubuntu 20.04 does by itself.

    Debian 11 unless told otherwise: it boots three times as fast as Ubuntu 20.04 when emulated.
    """
    os.environ.setdefault("SKERRY_LAB_RELEASE", "bullseye")
    take_down(NAME)  # what a killed test run has left
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, FIRST)
    try:
        [up] = lab.up(backend="qemu", names=[NAME], kernel_args="systemd.unified_cgroup_hierarchy=0")
        with suppress(OSError):  # the emulator is a session of its own, and these may come in turn
            Path(f"/proc/{up.pid}/autogroup").write_text(str(FIRST))
        yield up
    finally:
        take_down(NAME)


@pytest.fixture(scope="module")
def inventory(host: lab.LabHost, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vm")
    make_artifacts.build(VERSION, folder / "artifacts")
    settings = {"k3s_version": VERSION, "k3s_protect_kernel_defaults": True, "reboot_timeout_seconds": 600}
    return write_inventory(folder, host, folder / "artifacts", settings)


def walk(inventory: Path) -> Result:
    return Running(inventory, "deploy/k3s.py", inventory.parent / "home").finish(SECONDS)


def show(host: lab.LabHost, command: str) -> str:
    return lab.run(host.name, command).stdout.strip()


def test_the_host_is_as_rented_ones_are(host: lab.LabHost) -> None:
    assert show(host, "swapon --show --noheadings") != ""
    assert show(host, "awk '$3 == \"swap\"' /etc/fstab") != ""
    assert show(host, "stat -fc %T /sys/fs/cgroup") == "tmpfs"


def test_a_fresh_run_ends_with_a_ready_node_after_one_reboot(host: lab.LabHost, inventory: Path) -> None:
    boot = show(host, "cat /proc/sys/kernel/random/boot_id")
    result = walk(inventory)
    assert result.code == 0, result.stderr
    assert "cgroup | Reboot into cgroup v2" in result.changed
    assert "the cgroup phase switches it to v2 and reboots it once" in result.stderr
    assert show(host, "cat /proc/sys/kernel/random/boot_id") != boot
    assert show(host, "stat -fc %T /sys/fs/cgroup") == "cgroup2fs"
    assert show(host, "swapon --show --noheadings") == ""


def test_a_second_run_changes_nothing(inventory: Path) -> None:
    result = walk(inventory)
    assert (result.code, result.changed) == (0, [])


def test_after_a_reboot_swap_is_off_and_k3s_comes_back_by_itself(host: lab.LabHost, inventory: Path) -> None:
    lab.reboot(host.name)
    assert show(host, "swapon --show --noheadings") == ""
    assert show(host, "sysctl -n vm.overcommit_memory net.ipv4.ip_forward").split() == ["1", "1"]
    show(host, "timeout 300 sh -c 'until systemctl is-active k3s; do sleep 1; done'")
    result = walk(inventory)
    assert result.code == 0, result.stderr
    assert [name for name in result.changed if "wait for a Ready node" not in name] == []


def test_a_third_run_changes_nothing(inventory: Path) -> None:
    result = walk(inventory)
    assert (result.code, result.changed) == (0, [])


def test_the_acceptance_checks_are_green(inventory: Path) -> None:
    command = [str(Path(sys.executable).parent / "invoke"), "verify", str(inventory)]
    environment = {**os.environ, "SKERRY_HOME": str(inventory.parent / "home")}
    checks = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=SECONDS
    )
    assert checks.returncode == 0, checks.stderr
    assert " 0 failed" in checks.stdout


def test_the_kernels_controls_undone_by_hand_are_seen(
    host: lab.LabHost, inventory: Path, tmp_path: Path
) -> None:
    """What a container cannot show: running sysctls, loaded modules, mounts, auditd, AppArmor."""
    [wanted] = load(str(inventory)).hosts
    shell = Shell(host.name, str(write_ssh_config(tmp_path, [wanted])))
    seen = Host(shell)
    host_context = HostContext("server", wanted.settings, 0, ())
    controls = {control.id: control for control in catalogue.controls(host_context)}
    for id, (undone, again) in {
        "KRN-01": (
            "sysctl -w net.ipv4.conf.all.send_redirects=1",
            "sysctl -w net.ipv4.conf.all.send_redirects=0",
        ),
        "KRN-09": ("sysctl -w kernel.sysrq=1", "sysctl -w kernel.sysrq=0"),
        "KRN-12": ("sysctl -w fs.suid_dumpable=2", "sysctl -w fs.suid_dumpable=0"),
        "SYS-03": ("systemctl disable auditd", "systemctl enable auditd"),
        "SYS-05": ("systemctl disable apparmor", "systemctl enable apparmor"),
        "SYS-14": ("mount -o remount,exec /dev/shm", "mount -o remount,noexec /dev/shm"),
    }.items():
        assert wrong_now(seen, controls[id], True, host_context) == []
        show(host, undone)
        assert wrong_now(seen, controls[id], True, host_context) != [], id
        show(host, again)
    shell.close()


def test_no_k3s_started_with_another_configuration_than_it_runs(host: lab.LabHost, inventory: Path) -> None:
    """The journal of the runs: one start by us, none by a later run."""
    starts = [
        line
        for file in (inventory.parent / "home" / "runs").glob("2*/journal.jsonl")
        for line in map(json.loads, file.read_text().splitlines())
        if line.get("result") == "changed" and "Write" in line["operation"] and "K3s" in line["operation"]
    ]
    assert len({line["operation"] for line in starts}) == len(starts) > 0


def test_reset_brings_the_new_host_back_without_a_boot(host: lab.LabHost) -> None:
    """With its memory: swap is on again, nothing is prepared. Last, as it undoes all before."""
    begun = time.monotonic()
    lab.reset(host.name)
    assert time.monotonic() - begun < RESET_SECONDS
    assert show(host, "swapon --show --noheadings") != ""
    assert show(host, "ls /usr/local/bin") == ""
