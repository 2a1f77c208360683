"""What callers of the lab rely on: separate hosts that can be rebooted, cut off, kept and made fresh."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest

from skerry import lab
from skerry.lab.place import Place

NAMES = ["one", "two", "three"]
RESET_SECONDS = 30  # "in seconds", also on a busy machine


@pytest.fixture(scope="module")
def hosts(here: Place) -> Iterator[dict[str, lab.Host]]:
    yield {host.name: host for host in lab.up(backend="nspawn", names=NAMES)}
    lab.down()


def say(name: str, command: str) -> str:
    return lab.run(name, command).stdout.strip()


def test_each_host_has_its_own_name_address_keys_and_machine_id(hosts: dict[str, lab.Host]) -> None:
    assert [say(name, "hostname") for name in NAMES] == NAMES
    assert len({host.address for host in hosts.values()}) == len(NAMES)
    assert len({say(name, "cat /etc/ssh/ssh_host_ed25519_key.pub") for name in NAMES}) == len(NAMES)
    assert len({say(name, "cat /etc/machine-id") for name in NAMES}) == len(NAMES)


def test_hosts_reach_each_other(hosts: dict[str, lab.Host]) -> None:
    assert say("one", f"ping -c 1 -W 5 {hosts['two'].lan_address} >/dev/null && echo reached") == "reached"


def test_a_host_whose_cable_is_pulled_is_silent_until_it_is_mended(hosts: dict[str, lab.Host]) -> None:
    ping = f"ping -c 1 -W 2 {hosts['two'].lan_address} >/dev/null && echo reached || echo silent"
    lab.cut("two")
    assert say("one", ping) == "silent"
    lab.mend("two")
    assert say("one", ping) == "reached"


def test_what_one_host_writes_is_not_on_the_others_and_survives_a_reboot(hosts: dict[str, lab.Host]) -> None:
    boot = say("one", "cat /proc/sys/kernel/random/boot_id")
    say("one", "touch /root/mine /var/lib/mine && sync")
    lab.reboot("one")
    assert say("one", "ls /root/mine /var/lib/mine").split() == ["/root/mine", "/var/lib/mine"]
    assert say("one", "cat /proc/sys/kernel/random/boot_id") != boot
    assert lab.run("two", "ls /root/mine /var/lib/mine", check=False).returncode != 0


def test_a_host_comes_back_after_a_power_cut(hosts: dict[str, lab.Host]) -> None:
    lab.power_off("three")
    assert {host.name: host.state for host in lab.hosts()}["three"] == "stopped"
    assert lab.start("three").state == "running"


def test_a_snapshot_is_what_restore_brings_back(hosts: dict[str, lab.Host]) -> None:
    say("two", "echo kept > /root/state")
    lab.snapshot("two", "kept")
    say("two", "echo later > /root/state; touch /var/lib/later")
    lab.restore("two", "kept")
    assert say("two", "cat /root/state") == "kept"
    assert lab.run("two", "ls /var/lib/later", check=False).returncode != 0
    with pytest.raises(lab.LabError, match="two has no snapshot other; there are: kept"):
        lab.restore("two", "other")


def test_reset_makes_a_host_as_it_was_when_new_within_seconds(hosts: dict[str, lab.Host]) -> None:
    key = say("one", "cat /etc/ssh/ssh_host_ed25519_key.pub")
    say("one", "touch /root/dirt /var/lib/dirt")
    begun = time.monotonic()
    lab.reset("one")
    assert time.monotonic() - begun < RESET_SECONDS
    assert lab.run("one", "ls /root/dirt /var/lib/dirt", check=False).stdout == ""
    assert say("one", "cat /etc/ssh/ssh_host_ed25519_key.pub") == key


def test_a_wrong_host_key_is_refused(hosts: dict[str, lab.Host]) -> None:
    say(
        "three",
        "cd /etc/ssh && rm ssh_host_ed25519_key* && "
        "ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key && systemctl restart ssh",
    )
    refused = subprocess.run([*lab.ssh_command("three"), "true"], capture_output=True, text=True, check=False)
    assert refused.returncode == 255
    assert "Host key verification failed" in refused.stderr


def test_up_keeps_what_is_there_and_refuses_what_it_cannot_make(hosts: dict[str, lab.Host]) -> None:
    say("two", "touch /root/still-here")
    assert [host.name for host in lab.up(backend="nspawn", names=["two"])] == ["two"]
    assert say("two", "ls /root/still-here") == "/root/still-here"
    with pytest.raises(lab.LabError, match="two is there with backend='nspawn', not 'qemu'"):
        lab.up(backend="qemu", names=["two"])
    with pytest.raises(lab.LabError, match="cannot be a host name"):
        lab.up(backend="nspawn", names=["Two"])
