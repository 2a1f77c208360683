"""Changes to SSH and the firewall that go wrong, by settings that any operator may get wrong: the host takes them back.

In each case a new login fails first, so that what is seen afterwards is the way back and not a change that did nothing.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from skerry import lab
from skerry.model.hardening.sshd import RESTART
from tests.lab.conftest import Run, Start, WriteInventory
from tests.lab.runs import Running, until

STATED_SECONDS = 10  # rollback_seconds: the time in which the host promises to be back
GRACE_SECONDS = 5  # for sshd to come up again, and for us to notice
STRANGER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB1uLg6lYGc7vTPM6hgm5GzqCyCnVTIGmJRQg0M3yZBl stranger"
HARDEN = "deploy/harden.py"

MISHAPS: dict[str, dict[str, object]] = {
    "sshd at another port": {"sshd_extra": {"Port": "2222"}},
    "firewall without SSH": {"firewall_ssh_from": ["192.0.2.0/24"]},
    "our key removed": {"users": {"root": {"keys": [STRANGER]}}},
}
PROVEN_TOO_LATE = (
    "import skerry.operations.guard as g, time; g.prove = lambda state, host, *rest: time.sleep(600)"
)
"""A good change, and a controller that dies before it can say so."""


def login_works(host: lab.LabHost) -> bool:
    """A login over a connection of its own."""
    ssh, *rest = lab.ssh_command(host.name)
    quick = [
        "-o",
        "ConnectTimeout=1",
        "-o",
        "ControlMaster=no",
        "-o",
        "ControlPath=none",
        "-o",
        "BatchMode=yes",
    ]
    attempt = subprocess.run([ssh, *quick, *rest, "true"], capture_output=True, timeout=10, check=False)
    return attempt.returncode == 0


def configuration(host: lab.LabHost) -> str:
    """Everything that decides who gets in: files, keys, what sshd makes of them, and the loaded rules."""
    script = (
        "find /etc/ssh /etc/sudoers.d /etc/skerry /root/.ssh -type f -exec sha256sum {} + | sort; "
        "sshd -T; nft -s list table inet skerry; ls -A /var/lib/skerry"
    )
    return lab.run(host.name, script).stdout


def glimpse(host: lab.LabHost) -> str:
    """The configuration, or nothing while sshd restarts, which is the last thing that a change and its way back do."""
    try:
        return configuration(host)
    except lab.LabError:
        return ""


@pytest.fixture(scope="module")
def hardened(prepared: str) -> lab.LabHost:
    """One hardened host for all: each test leaves it reachable, or fails."""
    return lab.restore(prepared, "prepared")


@pytest.fixture
def watched(hardened: lab.LabHost) -> tuple[lab.LabHost, str]:
    """The host, and its configuration before the mishap."""
    return hardened, configuration(hardened)


def assert_back_in_time(host: lab.LabHost, armed: float) -> None:
    """The host can be reached again within the stated time after it was armed."""
    until(lambda: login_works(host), "the host", STATED_SECONDS + GRACE_SECONDS - (time.monotonic() - armed))


def locked_out(host: lab.LabHost, running: Running) -> float:
    """Wait until nobody can log in any more. Returns a time before the change was armed."""
    running.reach("end", "SSH | Create users")
    before = time.monotonic()
    until(lambda: not login_works(host), "the mishap", STATED_SECONDS)
    return before


@pytest.mark.parametrize("settings", MISHAPS.values(), ids=MISHAPS.keys())
def test_the_controller_dies_and_the_host_lets_us_in_again_by_itself(
    settings: dict[str, object], watched: tuple[lab.LabHost, str], inventory: WriteInventory, start: Start
) -> None:
    host, before = watched
    running = start(inventory(host, rollback_seconds=STATED_SECONDS, **settings), HARDEN)
    armed = locked_out(host, running)
    running.kill()
    assert_back_in_time(host, armed)
    until(lambda: glimpse(host) == before, "the way back", STATED_SECONDS + GRACE_SECONDS)


def unproven(host: lab.LabHost, path: Path, start: Start, word: str) -> float:
    """A good change, {"AcceptEnv": word}, whose controller died after it was applied. Returns a time after that."""
    running = start(path, HARDEN, PROVEN_TOO_LATE)
    until(lambda: f"acceptenv {word}" in glimpse(host), "the change")
    running.kill()
    return time.monotonic()


def test_a_good_change_that_nobody_proved_is_taken_back_in_the_stated_time(
    watched: tuple[lab.LabHost, str], inventory: WriteInventory, start: Start, run: Run
) -> None:
    host, before = watched
    path = inventory(host, rollback_seconds=STATED_SECONDS, sshd_extra={"AcceptEnv": "TIMER"})
    applied = unproven(host, path, start, "TIMER")
    until(lambda: glimpse(host) == before, "the way back", STATED_SECONDS + GRACE_SECONDS)
    assert time.monotonic() - applied < STATED_SECONDS + GRACE_SECONDS
    again = run(path, HARDEN)
    assert (again.code, again.changed) == (0, ["SSH | Harden sshd, keys and sudo"]), again.stderr
    assert "acceptenv TIMER" in configuration(host)


def test_an_unproven_change_does_not_outlive_a_power_cut(
    watched: tuple[lab.LabHost, str], inventory: WriteInventory, start: Start
) -> None:
    host, before = watched
    path = inventory(host, rollback_seconds=900, sshd_extra={"AcceptEnv": "POWER"})
    unproven(host, path, start, "POWER")
    lab.power_off(host.name)
    lab.start(host.name)
    assert configuration(host) == before


def test_the_next_run_takes_an_unproven_change_back_first_and_then_proves_its_own(
    watched: tuple[lab.LabHost, str], inventory: WriteInventory, start: Start, run: Run
) -> None:
    host, _ = watched
    path = inventory(host, rollback_seconds=900, sshd_extra={"AcceptEnv": "RERUN"})
    unproven(host, path, start, "RERUN")
    again = run(path, HARDEN)
    assert again.code == 0, again.stderr
    assert "acceptenv RERUN" in configuration(host)
    assert "guard" not in configuration(host).split()
    assert run(path, HARDEN).changed == []


@pytest.mark.parametrize("name", ["sshd at another port", "firewall without SSH"])
def test_a_run_that_locks_itself_out_says_so_takes_it_back_and_fails(
    name: str, watched: tuple[lab.LabHost, str], inventory: WriteInventory, run: Run
) -> None:
    host, _ = watched
    assert run(inventory(host), HARDEN).code == 0  # nothing but the mishap is left to change
    before = configuration(host)
    result = run(inventory(host, rollback_seconds=STATED_SECONDS, **MISHAPS[name]), HARDEN)
    assert result.code == 1
    assert "nobody could log in any more after this change" in result.stderr
    assert "it was taken back" in result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    until(lambda: login_works(host), "the host", GRACE_SECONDS)
    assert configuration(host) == before


def test_an_sshd_that_does_not_start_is_taken_back_at_once(
    watched: tuple[lab.LabHost, str], inventory: WriteInventory, run: Run
) -> None:
    """Its own check finds nothing wrong with an address that is another host's."""
    host, _ = watched
    assert run(inventory(host), HARDEN).code == 0
    before = configuration(host)
    elsewhere = inventory(host, rollback_seconds=900, sshd_extra={"ListenAddress": "192.0.2.1"})
    result = run(elsewhere, HARDEN)
    assert (result.code, result.failed) == (1, ["SSH | Harden sshd, keys and sudo"])
    assert "Cannot bind any address" in result.stdout + result.stderr
    until(lambda: glimpse(host) == before, "the way back", GRACE_SECONDS)


def test_the_new_sshd_alone_takes_connections_when_its_start_returns(
    watched: tuple[lab.LabHost, str],
) -> None:
    """Else a last connection to the old one would prove a change that locks everybody out."""
    host, before = watched
    drop_in = "/etc/ssh/sshd_config.d/00-test.conf"
    found = lab.run(
        host.name,
        f"for port in 2201 2202 2203 2204 2205; do printf 'Port 22\nPort %s\n' $port > {drop_in}; {RESTART}; "
        f"ss -Hltn | grep -o ':220[0-9] ' | sort -u; done; rm {drop_in}; {RESTART}",
    ).stdout.split()
    assert found == [":2201", ":2202", ":2203", ":2204", ":2205"]
    assert configuration(host) == before


def test_an_option_that_sshd_does_not_know_is_refused_before_anything_is_reloaded(
    watched: tuple[lab.LabHost, str], inventory: WriteInventory, run: Run
) -> None:
    host, before = watched
    result = run(inventory(host, sshd_extra={"NoSuchOption": "yes"}), HARDEN)
    assert (result.code, "NoSuchOption" in result.stdout + result.stderr) == (1, True)
    assert configuration(host) == before
