"""Unharden: return the host to its state before Skerry hardened it."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import StringCommand, deploy
from pyinfra.api.command import FunctionCommand

from skerry import templates
from skerry.facts.batch import BatchedFact
from skerry.facts.hardening import HardeningState
from skerry.model.hardening.guard import GUARD_FILES
from skerry.model.hardening.sshd import RESTART
from skerry.model.host_paths import GUARD
from skerry.model.preparation.apt import REMOVE_UNNEEDED
from skerry.operations import Commands, operation
from skerry.operations.guard import confirm
from skerry.phases.hardening_context import hardening_fact, host_context
from skerry.phases.ssh import CHECK

REMEDY = "what was there before Skerry's hardening lets nobody in"
LOGIN_PATHS = ("/etc/ssh", "/etc/sudoers", "/etc/skerry", "/root/.ssh", "/home/")
"""Beginnings of the paths of files that decide who can log in."""


@deploy("Unharden")
def unharden() -> None:
    """Restore files, permissions, services, packages and kernel settings; users remain, and swap stays off.

    The guard watches over SSH and the firewall: if their former state locks us out, the hardened state returns.
    """
    fact = hardening_fact()
    _restore(name="Put back what was there", fact=fact)
    _remove_guard(name="Remove the guard", fact=fact)


@operation
def _restore(fact: BatchedFact[HardeningState]) -> Commands:
    """Restore all originals under the guard, which is armed with the files that decide who can log in."""
    state = fact.current()
    if not state.backed_up:
        host.noop("nothing was hardened")
        return
    seconds = host_context().settings.rollback_seconds
    originals = [original.split(" ", 1) for original in state.backed_up]
    files = sorted(path for kind, path in originals if kind == "file" and path.startswith(LOGIN_PATHS))
    yield StringCommand(f"{GUARD} arm ssh-firewall {seconds} {' '.join(files)}")
    yield StringCommand(
        f"set -e; systemctl disable --quiet --now skerry-firewall 2>/dev/null || true; set +e\n"
        f"{REMOVE_UNNEEDED}\n{templates.text('hardening/unharden.sh')}\n"
        f"{CHECK} && {{ {RESTART}; }} || {{ {GUARD} rollback; exit 1; }}"
    )
    yield FunctionCommand(confirm, (seconds, REMEDY), {})


@operation
def _remove_guard(fact: BatchedFact[HardeningState]) -> Commands:
    state = fact.current()
    if not any(file.path in state.files for file in GUARD_FILES):
        host.noop("there is no guard")
        return
    yield StringCommand(
        "systemctl disable --quiet skerry-guard; rm -rf /usr/local/lib/skerry /etc/skerry "
        "/etc/systemd/system/skerry-guard.service; systemctl daemon-reload"
    )
