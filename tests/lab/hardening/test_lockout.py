"""A change to SSH or the firewall that locks the operator out is rolled back by the host.

Each test first sees a new login fail, which proves that the change took effect before it was rolled back.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from skerry import lab
from skerry.model.hardening.sshd import RESTART
from tests.lab.conftest import Run, Start, WriteInventory
from tests.lab.runs import Running, wait_for

ROLLBACK_SECONDS = 10  # the setting rollback_seconds
GRACE_SECONDS = 5  # for sshd to restart, and for the test to notice it
STRANGER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB1uLg6lYGc7vTPM6hgm5GzqCyCnVTIGmJRQg0M3yZBl stranger"
HARDEN = "deploy/harden.py"

LOCKOUTS: dict[str, dict[str, object]] = {
    "sshd at another port": {"sshd_extra": {"Port": "2222"}},
    "firewall without SSH": {"firewall_ssh_from": ["192.0.2.0/24"]},
    "our key removed": {"users": {"root": {"keys": [STRANGER]}}},
}
UNCONFIRMED = (
    "import skerry.operations.guard as g, time; g.confirm = lambda state, host, *rest: time.sleep(600)"
)
"""Patch: the controller does not confirm a good change, so that it can be killed before it does."""


def login_works(host: lab.LabHost) -> bool:
    """Whether a login over a new connection succeeds."""
    ssh, *rest = lab.ssh_command(host.name)
    options = [
        "-o",
        "ConnectTimeout=1",
        "-o",
        "ControlMaster=no",
        "-o",
        "ControlPath=none",
        "-o",
        "BatchMode=yes",
    ]
    attempt = subprocess.run([ssh, *options, *rest, "true"], capture_output=True, timeout=10, check=False)
    return attempt.returncode == 0


def configuration(host: lab.LabHost) -> str:
    """Everything that decides about access: files, keys, sshd's effective configuration, and the loaded rules."""
    script = (
        "find /etc/ssh /etc/sudoers.d /etc/skerry /root/.ssh -type f -exec sha256sum {} + | sort; "
        "sshd -T; nft -s list table inet skerry; ls -A /var/lib/skerry"
    )
    return lab.run(host.name, script).stdout


def configuration_now(host: lab.LabHost) -> str:
    """The configuration; "" while sshd restarts, which is the last step of a change and of its rollback."""
    try:
        return configuration(host)
    except lab.LabError:
        return ""


@pytest.fixture(scope="module")
def hardened(prepared: str) -> lab.LabHost:
    """One hardened host for all tests of this file: each leaves it reachable, or fails."""
    return lab.restore(prepared, "prepared")


@pytest.fixture
def unchanged(hardened: lab.LabHost) -> tuple[lab.LabHost, str]:
    """The host, and its configuration before the test."""
    return hardened, configuration(hardened)


def assert_reachable_in_time(host: lab.LabHost, armed: float) -> None:
    """Assert that the host accepts logins again within rollback_seconds after the rollback was armed."""
    wait_for(
        lambda: login_works(host), "the host", ROLLBACK_SECONDS + GRACE_SECONDS - (time.monotonic() - armed)
    )


def wait_for_lockout(host: lab.LabHost, running: Running) -> float:
    """Wait until logins fail. Returns a time before the rollback was armed."""
    running.reach("end", "SSH | Create users")
    before = time.monotonic()
    wait_for(lambda: not login_works(host), "the lockout", ROLLBACK_SECONDS)
    return before


@pytest.mark.parametrize("settings", LOCKOUTS.values(), ids=LOCKOUTS.keys())
def test_a_lockout_is_rolled_back_by_the_host_when_the_controller_dies(
    settings: dict[str, object], unchanged: tuple[lab.LabHost, str], inventory: WriteInventory, start: Start
) -> None:
    host, before = unchanged
    running = start(inventory(host, rollback_seconds=ROLLBACK_SECONDS, **settings), HARDEN)
    armed = wait_for_lockout(host, running)
    running.kill()
    assert_reachable_in_time(host, armed)
    wait_for(lambda: configuration_now(host) == before, "the rollback", ROLLBACK_SECONDS + GRACE_SECONDS)


def apply_unconfirmed(host: lab.LabHost, path: Path, start: Start, word: str) -> float:
    """Apply a good change, {"AcceptEnv": word}, and kill the controller. Returns a time after that."""
    running = start(path, HARDEN, UNCONFIRMED)
    wait_for(lambda: f"acceptenv {word}" in configuration_now(host), "the change")
    running.kill()
    return time.monotonic()


def test_a_good_change_that_was_not_confirmed_is_rolled_back_in_time(
    unchanged: tuple[lab.LabHost, str], inventory: WriteInventory, start: Start, run: Run
) -> None:
    host, before = unchanged
    path = inventory(host, rollback_seconds=ROLLBACK_SECONDS, sshd_extra={"AcceptEnv": "TIMER"})
    applied = apply_unconfirmed(host, path, start, "TIMER")
    wait_for(lambda: configuration_now(host) == before, "the rollback", ROLLBACK_SECONDS + GRACE_SECONDS)
    assert time.monotonic() - applied < ROLLBACK_SECONDS + GRACE_SECONDS
    again = run(path, HARDEN)
    assert (again.code, again.changed) == (0, ["SSH | Harden sshd, keys and sudo"]), again.stderr
    assert "acceptenv TIMER" in configuration(host)


def test_an_unconfirmed_change_does_not_survive_a_power_cut(
    unchanged: tuple[lab.LabHost, str], inventory: WriteInventory, start: Start
) -> None:
    host, before = unchanged
    path = inventory(host, rollback_seconds=900, sshd_extra={"AcceptEnv": "POWER"})
    apply_unconfirmed(host, path, start, "POWER")
    lab.power_off(host.name)
    lab.start(host.name)
    assert configuration(host) == before


def test_the_next_run_rolls_an_unconfirmed_change_back_and_then_confirms_its_own(
    unchanged: tuple[lab.LabHost, str], inventory: WriteInventory, start: Start, run: Run
) -> None:
    host, _ = unchanged
    path = inventory(host, rollback_seconds=900, sshd_extra={"AcceptEnv": "RERUN"})
    apply_unconfirmed(host, path, start, "RERUN")
    again = run(path, HARDEN)
    assert again.code == 0, again.stderr
    assert "acceptenv RERUN" in configuration(host)
    assert "guard" not in configuration(host).split()
    assert run(path, HARDEN).changed == []


@pytest.mark.parametrize("name", ["sshd at another port", "firewall without SSH"])
def test_a_run_that_locks_itself_out_reports_it_rolls_it_back_and_fails(
    name: str, unchanged: tuple[lab.LabHost, str], inventory: WriteInventory, run: Run
) -> None:
    host, _ = unchanged
    assert run(inventory(host), HARDEN).code == 0  # so that the next run changes only what locks us out
    before = configuration(host)
    result = run(inventory(host, rollback_seconds=ROLLBACK_SECONDS, **LOCKOUTS[name]), HARDEN)
    assert result.code == 1
    assert "nobody could log in any more after this change" in result.stderr
    assert "it was taken back" in result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    wait_for(lambda: login_works(host), "the host", GRACE_SECONDS)
    assert configuration(host) == before


def test_a_configuration_with_which_sshd_does_not_start_is_rolled_back_at_once(
    unchanged: tuple[lab.LabHost, str], inventory: WriteInventory, run: Run
) -> None:
    """`sshd -t` accepts a ListenAddress that the host does not have."""
    host, _ = unchanged
    assert run(inventory(host), HARDEN).code == 0
    before = configuration(host)
    path = inventory(host, rollback_seconds=900, sshd_extra={"ListenAddress": "192.0.2.1"})
    result = run(path, HARDEN)
    assert (result.code, result.failed) == (1, ["SSH | Harden sshd, keys and sudo"])
    assert "Cannot bind any address" in result.stdout + result.stderr
    wait_for(lambda: configuration_now(host) == before, "the rollback", GRACE_SECONDS)


def test_only_the_new_sshd_accepts_connections_when_its_restart_has_returned(
    unchanged: tuple[lab.LabHost, str],
) -> None:
    """Otherwise a last connection to the old sshd would confirm a change that locks everyone out."""
    host, before = unchanged
    drop_in = "/etc/ssh/sshd_config.d/00-test.conf"
    ports = lab.run(
        host.name,
        f"for port in 2201 2202 2203 2204 2205; do printf 'Port 22\nPort %s\n' $port > {drop_in}; {RESTART}; "
        f"ss -Hltn | grep -o ':220[0-9] ' | sort -u; done; rm {drop_in}; {RESTART}",
    ).stdout.split()
    assert ports == [":2201", ":2202", ":2203", ":2204", ":2205"]
    assert configuration(host) == before


def test_an_option_that_sshd_does_not_know_is_refused_before_a_reload(
    unchanged: tuple[lab.LabHost, str], inventory: WriteInventory, run: Run
) -> None:
    host, before = unchanged
    result = run(inventory(host, sshd_extra={"NoSuchOption": "yes"}), HARDEN)
    assert (result.code, "NoSuchOption" in result.stdout + result.stderr) == (1, True)
    assert configuration(host) == before
