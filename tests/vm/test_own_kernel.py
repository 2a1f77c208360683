"""deploy/k3s.py on a virtual machine with its own kernel: swap, modules, sysctls, cgroup, reboots.

K3s is the stand-in of tests/doubles. The tests run in order: each needs the state that the one before has left.
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
from skerry.checks.readings import current_faults
from skerry.checks.shell import Shell
from skerry.commands.hosts.verify import write_ssh_config
from skerry.commands.inventory import load
from skerry.local.paths import PROJECT
from skerry.model.hardening import catalogue
from skerry.model.hardening.host_context import HostContext
from tests.doubles import make_artifacts
from tests.lab.runs import Result, Running, write_inventory

NAME = "vm1"
VERSION = "v1.36.3+k3s1"  # refuses cgroup v1, with which the host boots at first
RESET_SECONDS = 60  # less than a boot without KVM
# Slightly ahead of the test layers that run at the same time. They are shorter, but have time limits, too.
NICE = -3
SECONDS = 1800  # emulation is 10 to 30 times slower than the machine


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lab.LabHost]:
    """A fresh host with active swap, booted with cgroup v1, which is Ubuntu 20.04's default.

    It runs Debian 11 unless SKERRY_LAB_RELEASE is set: emulated, it boots three times as fast as Ubuntu 20.04.
    """
    os.environ.setdefault("SKERRY_LAB_RELEASE", "bullseye")
    lab.down([NAME], missing_ok=True)  # a killed test run leaves its host
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    try:
        [host] = lab.up(backend="qemu", names=[NAME], kernel_args="systemd.unified_cgroup_hierarchy=0")
        with suppress(OSError):  # the kernel may group processes by session, each with a priority of its own
            Path(f"/proc/{host.pid}/autogroup").write_text(str(NICE))
        yield host
    finally:
        lab.down([NAME], missing_ok=True)


@pytest.fixture(scope="module")
def inventory(host: lab.LabHost, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vm")
    make_artifacts.build(VERSION, folder / "artifacts")
    settings = {"k3s_version": VERSION, "k3s_protect_kernel_defaults": True, "reboot_timeout_seconds": 600}
    return write_inventory(folder, host, folder / "artifacts", settings)


def deploy(inventory: Path) -> Result:
    return Running(inventory, "deploy/k3s.py", inventory.parent / "home").finish(SECONDS)


def output(host: lab.LabHost, command: str) -> str:
    return lab.run(host.name, command).stdout.strip()


def test_the_host_resembles_a_rented_one(host: lab.LabHost) -> None:
    assert output(host, "swapon --show --noheadings") != ""
    assert output(host, "awk '$3 == \"swap\"' /etc/fstab") != ""
    assert output(host, "stat -fc %T /sys/fs/cgroup") == "tmpfs"


def test_a_fresh_run_ends_with_a_ready_node_after_one_reboot(host: lab.LabHost, inventory: Path) -> None:
    boot = output(host, "cat /proc/sys/kernel/random/boot_id")
    result = deploy(inventory)
    assert result.code == 0, result.stderr
    assert "cgroup | Reboot into cgroup v2" in result.changed
    assert "the cgroup phase switches it to v2 and reboots it once" in result.stderr
    assert output(host, "cat /proc/sys/kernel/random/boot_id") != boot
    assert output(host, "stat -fc %T /sys/fs/cgroup") == "cgroup2fs"
    assert output(host, "swapon --show --noheadings") == ""


def test_a_second_run_changes_nothing(inventory: Path) -> None:
    result = deploy(inventory)
    assert (result.code, result.changed) == (0, [])


def test_after_a_reboot_swap_is_off_and_k3s_comes_back_by_itself(host: lab.LabHost, inventory: Path) -> None:
    lab.reboot(host.name)
    assert output(host, "swapon --show --noheadings") == ""
    assert output(host, "sysctl -n vm.overcommit_memory net.ipv4.ip_forward").split() == ["1", "1"]
    output(host, "timeout 300 sh -c 'until systemctl is-active k3s; do sleep 1; done'")
    result = deploy(inventory)
    assert result.code == 0, result.stderr
    assert [name for name in result.changed if "wait for a Ready node" not in name] == []


def test_a_third_run_changes_nothing(inventory: Path) -> None:
    result = deploy(inventory)
    assert (result.code, result.changed) == (0, [])


def test_the_acceptance_checks_pass(inventory: Path) -> None:
    command = [str(Path(sys.executable).parent / "invoke"), "verify", str(inventory)]
    environment = {**os.environ, "SKERRY_HOME": str(inventory.parent / "home")}
    checks = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=SECONDS
    )
    assert checks.returncode == 0, checks.stderr
    assert " 0 failed" in checks.stdout


def test_kernel_controls_that_were_undone_fail(host: lab.LabHost, inventory: Path, tmp_path: Path) -> None:
    """A container cannot show these: sysctls, modules, mounts, auditd, AppArmor."""
    [inventory_host] = load(str(inventory)).hosts
    shell = Shell(host.name, str(write_ssh_config(tmp_path, [inventory_host])))
    testinfra_host = Host(shell)
    host_context = HostContext("server", inventory_host.settings, 0, ())
    controls = {control.id: control for control in catalogue.controls(host_context)}
    for id, (undo, restore) in {
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
        assert current_faults(testinfra_host, controls[id], True, host_context) == []
        output(host, undo)
        assert current_faults(testinfra_host, controls[id], True, host_context) != [], id
        output(host, restore)
    shell.close()


def test_no_later_run_wrote_a_file_of_k3s_again(host: lab.LabHost, inventory: Path) -> None:
    """According to the journals of all runs."""
    writes = [
        line
        for file in (inventory.parent / "home" / "runs").glob("2*/journal.jsonl")
        for line in map(json.loads, file.read_text().splitlines())
        if line.get("result") == "changed" and "Write" in line["operation"] and "K3s" in line["operation"]
    ]
    assert len({line["operation"] for line in writes}) == len(writes) > 0


def test_reset_restores_the_new_host_without_a_boot(host: lab.LabHost) -> None:
    """The snapshot has the memory, too: swap is active again. The last test, because it undoes all others."""
    started = time.monotonic()
    lab.reset(host.name)
    assert time.monotonic() - started < RESET_SECONDS
    assert output(host, "swapon --show --noheadings") != ""
    assert output(host, "ls /usr/local/bin") == ""
