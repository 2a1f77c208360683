"""Flux: the cluster follows its Git repository."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pyinfra import host, inventory
from pyinfra.api import Host, State, deploy
from pyinfra.api.command import FunctionCommand

from skerry.facts.batch import BatchedFact
from skerry.facts.flux import Flux, FluxState
from skerry.local import tools
from skerry.local.paths import PROJECT
from skerry.model.errors import InputError
from skerry.model.flux_target import Target
from skerry.operations import Commands, operation
from skerry.phases.host_spec import host_specs, this_host_spec

HAND_OVER = (sys.executable, "-m", "skerry.commands.fleet.handoff")


@deploy("Flux")
def flux() -> None:
    """Make the cluster follow its repository, as `invoke flux-bootstrap` does, unless flux_forge is "none".

    The first server's facts show what the cluster follows now. The hand-off runs on this machine, with the forge's
    token from the environment.
    """
    settings = this_host_spec().settings
    if settings.flux_forge != "none" and host.name == next(iter(host_specs())):
        # Only the location is compared, so the target needs no known_hosts file to reach it.
        target = Target.from_settings(settings, known_hosts=Path())
        _hand_over(name="Hand the cluster over", location=target.location, fact=BatchedFact(Flux))


@operation
def _hand_over(location: tuple[str, str, str], fact: BatchedFact[FluxState]) -> Commands:
    """Run the hand-off unless Flux has the version of this machine's flux and follows `location`."""
    try:
        version = tools.flux_version()
    except (InputError, RuntimeError):
        # The hand-off, which runs now, reports what is wrong with flux on this machine.
        version = ""
    if fact.current() == FluxState(version, location):
        host.noop("the cluster follows its repository")
    else:
        yield FunctionCommand(_run_hand_over, (), {})


def _run_hand_over(state: State, host: Host) -> bool:
    """Run the hand-off, which prints progress and errors on standard error. Returns whether the hand-off succeeded."""
    command = [*HAND_OVER, *(["--prompt"] if sys.stdin.isatty() else [])]
    text = json.dumps(inventory_data(), default=str)
    return subprocess.run(command, cwd=PROJECT, input=text, text=True, check=False).returncode == 0


def inventory_data() -> dict[str, object]:
    """Returns this run's inventory for the hand-off, named after the first server: its file is not known here."""
    groups: dict[str, list[str]] = {"servers": [], "agents": []}
    for name, spec in host_specs().items():
        groups[f"{spec.role}s"].append(name)
    hosts = {name: inventory.get_host(name).data.dict() for name in host_specs()}
    return {"name": next(iter(host_specs())), "groups": groups, "hosts": hosts}
