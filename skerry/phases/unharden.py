"""Unharden: what was there before Skerry hardened the host is there again."""

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
from skerry.operations.guard import prove
from skerry.phases.hardening_context import host_context, snapshot
from skerry.phases.ssh import CHECK

REMEDY = "what was there before Skerry's hardening lets nobody in"


@deploy("Unharden")
def unharden() -> None:
    """Files, permissions, services, packages and kernel settings are as they were; users and swap stay.

    SSH and the firewall go back under the guard: where the state before would lock us out, ours stays.
    """
    found = snapshot(host_context())
    _restore(name="Put back what was there", found=found)
    _remove_guard(name="Remove the guard", found=found)


@operation
def _restore(found: BatchedFact[HardeningState]) -> Commands:
    """Armed with every file it may touch that decides who gets in."""
    state = found.current()
    if not state.backed_up:
        host.noop("nothing was hardened")
        return
    places = [place.split(" ", 1) for place in state.backed_up]
    files = sorted(
        path
        for kind, path in places
        if kind == "file"
        and path.startswith(("/etc/ssh", "/etc/sudoers", "/etc/skerry", "/root/.ssh", "/home/"))
    )
    yield StringCommand(
        f"{GUARD} arm ssh-firewall {host_context().settings.rollback_seconds} {' '.join(files)}"
    )
    yield StringCommand(
        f"set -e; systemctl disable --quiet --now skerry-firewall 2>/dev/null || true; set +e\n"
        f"{REMOVE_UNNEEDED}\n{templates.text('hardening/unharden.sh')}\n"
        f"{CHECK} && {{ {RESTART}; }} || {{ {GUARD} rollback; exit 1; }}"
    )
    yield FunctionCommand(prove, (host_context().settings.rollback_seconds, REMEDY), {})


@operation
def _remove_guard(found: BatchedFact[HardeningState]) -> Commands:
    state = found.current()
    if not any(file.path in state.files for file in GUARD_FILES):
        host.noop("there is no guard")
        return
    yield StringCommand(
        "systemctl disable --quiet skerry-guard; rm -rf /usr/local/lib/skerry /etc/skerry "
        "/etc/systemd/system/skerry-guard.service; systemctl daemon-reload"
    )
