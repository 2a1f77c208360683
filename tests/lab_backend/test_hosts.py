"""Lab hosts are separate; they can be rebooted, disconnected, kept as a snapshot and reset."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest

from skerry import lab
from skerry.lab.folder import LabFolder

NAMES = ["one", "two", "three"]
RESET_SECONDS = 30  # with a margin for a busy machine


@pytest.fixture(scope="module")
def hosts(folder: LabFolder) -> Iterator[dict[str, lab.LabHost]]:
    yield {host.name: host for host in lab.up(backend="nspawn", names=NAMES)}
    lab.down()


def output(name: str, command: str) -> str:
    return lab.run(name, command).stdout.strip()


def test_each_host_has_its_own_name_address_keys_and_machine_id(hosts: dict[str, lab.LabHost]) -> None:
    assert [output(name, "hostname") for name in NAMES] == NAMES
    assert len({host.address for host in hosts.values()}) == len(NAMES)
    assert len({output(name, "cat /etc/ssh/ssh_host_ed25519_key.pub") for name in NAMES}) == len(NAMES)
    assert len({output(name, "cat /etc/machine-id") for name in NAMES}) == len(NAMES)


def test_hosts_reach_each_other(hosts: dict[str, lab.LabHost]) -> None:
    assert output("one", f"ping -c 1 -W 5 {hosts['two'].lan_address} >/dev/null && echo reached") == "reached"


def test_a_host_that_is_cut_off_does_not_answer_until_it_is_mended(hosts: dict[str, lab.LabHost]) -> None:
    ping = f"ping -c 1 -W 2 {hosts['two'].lan_address} >/dev/null && echo reached || echo silent"
    lab.cut("two")
    assert output("one", ping) == "silent"
    lab.mend("two")
    assert output("one", ping) == "reached"


def test_files_of_one_host_are_not_on_the_others_and_survive_a_reboot(hosts: dict[str, lab.LabHost]) -> None:
    boot = output("one", "cat /proc/sys/kernel/random/boot_id")
    output("one", "touch /root/mine /var/lib/mine && sync")
    lab.reboot("one")
    assert output("one", "ls /root/mine /var/lib/mine").split() == ["/root/mine", "/var/lib/mine"]
    assert output("one", "cat /proc/sys/kernel/random/boot_id") != boot
    assert lab.run("two", "ls /root/mine /var/lib/mine", check=False).returncode != 0


def test_a_host_comes_back_after_a_power_cut(hosts: dict[str, lab.LabHost]) -> None:
    lab.power_off("three")
    assert {host.name: host.state for host in lab.hosts()}["three"] == "stopped"
    assert lab.start("three").state == "running"


def test_restore_brings_back_the_state_of_the_snapshot(hosts: dict[str, lab.LabHost]) -> None:
    output("two", "echo kept > /root/state")
    lab.snapshot("two", "kept")
    output("two", "echo later > /root/state; touch /var/lib/later")
    lab.restore("two", "kept")
    assert output("two", "cat /root/state") == "kept"
    assert lab.run("two", "ls /var/lib/later", check=False).returncode != 0
    with pytest.raises(lab.LabError, match="two has no snapshot other; there are: kept"):
        lab.restore("two", "other")


def test_reset_returns_a_host_to_its_first_state_within_seconds(hosts: dict[str, lab.LabHost]) -> None:
    key = output("one", "cat /etc/ssh/ssh_host_ed25519_key.pub")
    output("one", "touch /root/dirt /var/lib/dirt")
    started = time.monotonic()
    lab.reset("one")
    assert time.monotonic() - started < RESET_SECONDS
    assert lab.run("one", "ls /root/dirt /var/lib/dirt", check=False).stdout == ""
    assert output("one", "cat /etc/ssh/ssh_host_ed25519_key.pub") == key


def test_a_wrong_host_key_is_refused(hosts: dict[str, lab.LabHost]) -> None:
    output(
        "three",
        "cd /etc/ssh && rm ssh_host_ed25519_key* && "
        "ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key && systemctl restart ssh",
    )
    ssh = subprocess.run([*lab.ssh_command("three"), "true"], capture_output=True, text=True, check=False)
    assert ssh.returncode == 255
    assert "Host key verification failed" in ssh.stderr


def test_up_keeps_existing_hosts_and_refuses_hosts_it_cannot_create(hosts: dict[str, lab.LabHost]) -> None:
    output("two", "touch /root/still-here")
    assert [host.name for host in lab.up(backend="nspawn", names=["two"])] == ["two"]
    assert output("two", "ls /root/still-here") == "/root/still-here"
    with pytest.raises(lab.LabError, match="two exists with backend='nspawn', not 'qemu'"):
        lab.up(backend="qemu", names=["two"])
    with pytest.raises(lab.LabError, match="cannot be a host name"):
        lab.up(backend="nspawn", names=["Two"])
