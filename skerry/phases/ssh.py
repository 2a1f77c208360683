"""SSH: modern algorithms, keys only, limits; users, their keys and sudo. A change that locks us out is rolled back."""

from __future__ import annotations

from collections.abc import Iterable

from pyinfra import host
from pyinfra.api import StringCommand, deploy
from pyinfra.api.exceptions import DeployError

from skerry.facts.batch import BatchedFact
from skerry.facts.hardening import HardeningState
from skerry.model.files import File
from skerry.model.hardening.guard import GUARD_FILES
from skerry.model.hardening.sshd import DROP_IN, RESTART
from skerry.model.hardening.system_files import SUDO
from skerry.model.host_paths import GUARD
from skerry.operations import Commands, operation, refuse
from skerry.operations.files import write
from skerry.operations.guard import guarded
from skerry.phases.hardening_context import backup_originals, hardening_fact, host_context, plan_for
from skerry.phases.hardening_plan import HardeningPlan, keys_path, sudoers_path

CHECK = "sshd -t && { ! command -v visudo > /dev/null || visudo -cq; }"
REMEDY = "see users, sshd_extra, sshd_root_login and harden_exceptions"


@deploy("SSH")
def ssh() -> None:
    """Set up sshd, users, keys and sudo as the settings say, and prove with a new connection that they let us in."""
    settings = host_context().settings
    if not settings.harden:
        return
    if settings.sshd_root_login == "no" and host.data.get("ssh_user") == "root":
        raise DeployError(
            f'{host.name}: sshd_root_login = "no" locks out ssh_user "root"; list another in users with sudo, '
            "run once, then connect as that one; no host was changed"
        )
    fact = hardening_fact()
    for file in GUARD_FILES:
        write(name=f"Write {file.path}", file=file, fact=fact)
    _enable_guard(name="Arm the guard at boot", fact=fact)
    _create_users(name="Create users", users=list(settings.users), fact=fact)
    _harden(name="Harden sshd, keys and sudo", fact=fact)


@operation
def _enable_guard(fact: BatchedFact[HardeningState]) -> Commands:
    """Enable the guard's unit, which at boot rolls back a change that was never confirmed."""
    if fact.at_start().values.get(("unit", "skerry-guard")) in ("active", "stopped"):
        host.noop("the guard starts at boot")
        return
    yield StringCommand("systemctl daemon-reload && systemctl enable --quiet skerry-guard.service")


@operation
def _create_users(users: list[str], fact: BatchedFact[HardeningState]) -> Commands:
    """Create missing users without a password, so that they can log in by key only."""
    missing = [name for name in users if name not in fact.at_start().homes]
    if not missing:
        host.noop("all users exist")
    for name in missing:
        yield StringCommand(
            f"PATH=$PATH:/usr/sbin; useradd --create-home --shell /bin/bash {name} && "
            f"install -d -m 700 -o {name} -g {name} /home/{name}/.ssh"
        )


@operation
def _harden(fact: BatchedFact[HardeningState]) -> Commands:
    """Write and remove files under the guard. Refuse if they have no effect or another file overrides them."""
    plan = plan_for(fact.at_start())
    state, settings = plan.state, plan.host_context.settings
    if state.armed:
        yield StringCommand(f"{GUARD} rollback")
    if problem := unavailable_because(state, settings.users):
        yield refuse(problem)
        return
    # An armed change has just been rolled back: files that the fact shows may be gone.
    files = [file for file in wanted_files(plan) if state.armed or state.files.get(file.path) != file.state]
    # Of the unwanted paths only host keys are in /etc/ssh. They exist, but `state.files` does not include them.
    absent = [path for path in unwanted_paths(plan) if path in state.files or path.startswith("/etc/ssh/")]
    if files or absent or state.armed:
        yield from backup_originals(
            state, [f"file {path}" for path in [*(file.path for file in files), *absent]]
        )
        yield from guarded("ssh", files, absent, CHECK, RESTART, settings.rollback_seconds, REMEDY)
    elif overridden := [check for check in plan.wrong if check.kind == "sshd"]:
        values = ", ".join(f"{check.key} {state.values.get(check.id)}" for check in overridden)
        yield refuse(f"sshd says {values} although {DROP_IN} says otherwise; a file read before it sets that")
    else:
        host.noop("sshd, keys and sudo are as wanted")


def unavailable_because(state: HardeningState, users: Iterable[str]) -> str:
    """Returns why a drop-in and our files of keys cannot harden this host's SSH; "" if they can."""
    if state.openssh < (8, 2):
        return f"OpenSSH {'.'.join(map(str, state.openssh))} knows no drop-ins; 8.2 (Ubuntu 20.04) does"
    if not state.include:
        return (
            "/etc/ssh/sshd_config does not begin with Include /etc/ssh/sshd_config.d/*.conf; make that its first "
            "line, or waive the SSH controls in harden_exceptions"
        )
    for name in users:
        home = state.homes.get(name)
        if home is not None and f"{home}/.ssh/authorized_keys" != keys_path(name):
            return f"user {name} has the home {home}; Skerry keeps keys in {keys_path(name)} only"
    return ""


def wanted_files(plan: HardeningPlan) -> list[File]:
    """Returns sshd's drop-in, sudo's defaults unless waived, and each user's keys and right to use sudo."""
    files = [plan.drop_in, *([SUDO] if "SYS-11" in plan.active_ids else [])]
    for name, user in plan.host_context.settings.users.items():
        lines = ["# Written by Skerry: users in the settings.", *user["keys"], ""]
        files.append(File(keys_path(name), "\n".join(lines), "600", name))
        if user.get("sudo") and name != "root":
            files.append(File(sudoers_path(name), f"{name} ALL=(ALL:ALL) NOPASSWD:ALL\n", "440"))
    return files


def unwanted_paths(plan: HardeningPlan) -> list[str]:
    """Returns weak host keys, if the host has a strong one, and sudoers files of users who may no longer use sudo."""
    state, paths = plan.state, []
    if "SSH-11" in plan.active_ids and any(key.strong for key in state.host_keys):
        weak = [key for key in state.host_keys if not key.strong]
        paths += [path for key in weak for path in (key.path, f"{key.path}.pub")]
    users = plan.host_context.settings.users
    without_sudo = [name for name, user in users.items() if not user.get("sudo")]
    return paths + [path for path in map(sudoers_path, without_sudo) if path in state.files]
