"""SSH: modern algorithms, keys only, limits; users, their keys and sudo. Nobody is locked out by it."""

from __future__ import annotations

from collections.abc import Iterable

from pyinfra import host
from pyinfra.api import StringCommand, deploy
from pyinfra.api.exceptions import DeployError

from skerry.facts.batch import BatchedFact
from skerry.facts.hardening import HardeningState
from skerry.model.files import File
from skerry.model.hardening.guard import GUARD_FILES
from skerry.model.hardening.sshd import DROP_IN, RESTART, HostKey
from skerry.model.hardening.system import SUDO
from skerry.operations import Commands, operation
from skerry.operations.files import write
from skerry.operations.guard import guarded
from skerry.phases.hardening_context import backup_originals, host_context, planned, refuse, snapshot
from skerry.phases.hardening_plan import Plan, keys_path

CHECK = "sshd -t && { ! command -v visudo > /dev/null || visudo -cq; }"
REMEDY = "see users, sshd_extra, sshd_root_login and harden_exceptions"


@deploy("SSH")
def ssh() -> None:
    """sshd, users, keys and sudo are as the settings say, and a new connection has shown that they let us in."""
    mine = host_context()
    if not mine.settings.harden:
        return
    if mine.settings.sshd_root_login == "no" and host.data.get("ssh_user") == "root":
        raise DeployError(
            f'{host.name}: sshd_root_login = "no" locks out ssh_user "root"; list another in users with sudo, '
            "run once, then connect as that one; no host was changed"
        )
    found = snapshot(mine)
    for file in GUARD_FILES:
        write(name=f"Write {file.path}", file=file, found=found.at_start)
    _enable_guard(name="Arm the guard at boot", found=found)
    _create_users(name="Create users", users=list(mine.settings.users), found=found)
    _harden(name="Harden sshd, keys and sudo", found=found)


@operation
def _enable_guard(found: BatchedFact[HardeningState]) -> Commands:
    """Static and off until a change is armed; at boot it looks whether one was left unproven."""
    if found.at_start().found.get(("unit", "skerry-guard")) in ("active", "stopped"):
        host.noop("the guard starts at boot")
        return
    yield StringCommand("systemctl daemon-reload && systemctl enable --quiet skerry-guard.service")


@operation
def _create_users(users: list[str], found: BatchedFact[HardeningState]) -> Commands:
    """Without a password, so that only keys let them in."""
    missing = [name for name in users if name not in found.at_start().accounts]
    for name in missing:
        yield StringCommand(
            f"PATH=$PATH:/usr/sbin; useradd --create-home --shell /bin/bash {name} && "
            f"install -d -m 700 -o {name} -g {name} /home/{name}/.ssh"
        )
    if not missing:
        host.noop("all users exist")


@operation
def _harden(found: BatchedFact[HardeningState]) -> Commands:
    plan = planned(found.at_start())
    state, settings = plan.state, plan.host_context.settings
    if state.armed:
        yield StringCommand("/usr/local/lib/skerry/guard rollback")
    if problem := hindrance(state, settings.users):
        yield refuse(problem)
        return
    # What was found of an unproven change has just been taken back: nothing of it counts.
    files = [file for file in wanted_files(plan) if state.armed or state.files.get(file.path) != file.state]
    absent = [path for path in unwanted(plan) if path in state.files or path.startswith("/etc/ssh/")]
    if not (files or absent or state.armed):
        if stray := [check for check in plan.wrong if check.kind == "sshd"]:
            told = ", ".join(f"{c.key} {state.found.get(c.place)}" for c in stray)
            yield refuse(
                f"sshd says {told} although {DROP_IN} says otherwise; a file read before it sets that"
            )
        host.noop("sshd, keys and sudo are as wanted")
        return
    yield from backup_originals(state, [f"file {path}" for path in [*(file.path for file in files), *absent]])
    yield from guarded("ssh", files, absent, CHECK, RESTART, settings.rollback_seconds, REMEDY)


def hindrance(state: HardeningState, users: Iterable[str]) -> str:
    """Why this host's SSH cannot be hardened by a drop-in; "" when it can."""
    if state.openssh < (8, 2):
        return f"OpenSSH {'.'.join(map(str, state.openssh))} knows no drop-ins; 8.2 (Ubuntu 20.04) does"
    if not state.include:
        return (
            "/etc/ssh/sshd_config does not begin with Include /etc/ssh/sshd_config.d/*.conf; make that its first "
            "line, or waive the SSH controls in harden_exceptions"
        )
    for name in users:
        account = state.accounts.get(name)
        if account and f"{account.home}/.ssh/authorized_keys" != keys_path(name):
            return f"user {name} has the home {account.home}; Skerry keeps keys in {keys_path(name)} only"
    return ""


def wanted_files(plan: Plan) -> list[File]:
    """The drop-in, sudo's defaults, and each user's keys and right."""
    active = {control.id for control in plan.active}
    files = [plan.drop_in, *([SUDO] if "SYS-11" in active else [])]
    for name, user in plan.host_context.settings.users.items():
        lines = ["# Written by Skerry: users in the settings.", *user["keys"], ""]
        files.append(File(keys_path(name), "\n".join(lines), "600", name))
        if user.get("sudo") and name != "root":
            files.append(
                File(f"/etc/sudoers.d/90-skerry-{name}", f"{name} ALL=(ALL:ALL) NOPASSWD:ALL\n", "440")
            )
    return files


def unwanted(plan: Plan) -> list[str]:
    """Weak host keys, once a strong one is there, and the right of users who have lost it."""
    state, paths = plan.state, []
    if "SSH-11" in {control.id for control in plan.active} and any(key.strong for key in state.host_keys):
        weak: list[HostKey] = [key for key in state.host_keys if not key.strong]
        paths += [path for key in weak for path in (key.path, f"{key.path}.pub")]
    for name, user in plan.host_context.settings.users.items():
        if not user.get("sudo") and f"/etc/sudoers.d/90-skerry-{name}" in state.files:
            paths.append(f"/etc/sudoers.d/90-skerry-{name}")
    return paths
