"""A mistake that shows only when a host is reached ends in one line and exit code 2, and changes no host."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from skerry import lab
from tests.lab.conftest import Run, WriteInventory
from tests.lab.runs import VERSION

# The state of everything that Skerry could change on a host.
TRACES = (
    "ls -lnR --time-style=full-iso /etc /usr/local /var/lib/skerry /var/lib/rancher 2>/dev/null | sha256sum; "
    "dpkg-query -W | sha256sum; swapon --show; systemctl list-units --plain --no-legend 'k3s*'"
)


@pytest.fixture
def untouched(host: lab.LabHost) -> Callable[[], bool]:
    """untouched() tells whether the host is as it was at the start of the test."""
    before = lab.run(host.name, TRACES, check=False).stdout
    return lambda: lab.run(host.name, TRACES, check=False).stdout == before


@pytest.fixture
def other_key(tmp_path: Path) -> Path:
    """An SSH key that no host accepts."""
    path = tmp_path / "other_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


Refused = Callable[..., None]


@pytest.fixture
def refused(host: lab.LabHost, inventory: WriteInventory, run: Run, untouched: Callable[[], bool]) -> Refused:
    """refused("words", **settings) asserts that a run with these settings is refused in one line with these words."""

    def check(words: str, **settings: object) -> None:
        result = run(inventory(host, **settings))
        assert result.code == 2, result.stderr
        assert words in result.stderr
        assert len(result.errors) == 1
        assert result.stdout == ""
        assert untouched()

    return check


def test_a_port_without_a_listener(refused: Refused) -> None:
    refused("port 9 cannot be reached", ssh_port=9)


def test_a_key_that_the_host_does_not_accept(refused: Refused, other_key: Path) -> None:
    refused(f"does not accept {other_key}", ssh_key=str(other_key))


def test_a_host_key_that_changed(refused: Refused, host: lab.LabHost, other_key: Path) -> None:
    words = other_key.with_suffix(".pub").read_text().split()
    known_hosts = other_key.parent / "known_hosts"
    known_hosts.write_text(f"{host.address} {words[0]} {words[1]}\n")
    refused("shows another host key than the one in", ssh_known_hosts_file=str(known_hosts))


def test_a_host_key_that_was_never_confirmed(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "known_hosts").write_text("")
    refused("run `invoke trust ", ssh_known_hosts_file=str(tmp_path / "known_hosts"))


def test_a_user_whose_sudo_asks_for_a_password(refused: Refused) -> None:
    refused("nosudo may not use sudo without a password", ssh_user="nosudo", _sudo=True)


def test_an_air_gap_file_that_is_missing(refused: Refused, tmp_path: Path) -> None:
    refused("run `invoke artifacts-fetch`", artifact_folder=str(tmp_path / "nothing"))


def test_an_air_gap_file_that_was_tampered_with(refused: Refused, artifacts: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(artifacts, tmp_path / "tampered")
    with (folder / "k3s" / VERSION / "k3s").open("ab") as binary:
        binary.write(b"x")
    refused("does not have the checksum", artifact_folder=str(folder))


def test_reservations_that_leave_nothing_for_pods(refused: Refused) -> None:
    amounts = {"cpu": "500m", "memory": "9999Gi"}
    refused('set reserve = "auto"', reserve={"system": amounts, "kube": amounts})


def test_a_user_with_sudo_can_deploy_instead_of_root(
    host: lab.LabHost, inventory: WriteInventory, run: Run
) -> None:
    """Most rented Ubuntu hosts give SSH access to a user, not to root."""
    path = inventory(host, ssh_user="ops", _sudo=True)
    assert run(path).code == 0
    again = run(path)
    assert (again.code, again.changed) == (0, [])
