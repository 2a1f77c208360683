"""Flux: the cluster follows its Git repository."""

from __future__ import annotations

import sys
from pathlib import Path

from pyinfra import host, inventory
from pyinfra.api import Host, State, deploy
from pyinfra.api.command import FunctionCommand

from skerry.facts.batch import BatchedFact
from skerry.facts.flux import Flux, FluxState
from skerry.model.errors import InputError
from skerry.model.flux_target import Target
from skerry.operations import Commands, operation
from skerry.phases.host_spec import host_specs, this_host_spec
from skerry.remote import inventory as inventories
from skerry.remote.inventory import Inventory


@deploy("Flux")
def flux() -> None:
    """Where `flux_forge` asks for it, the cluster follows its repository, as by `invoke flux-bootstrap`.

    The first server tells; what is done is done from this machine, with the forge's token of its environment.
    """
    if this_host_spec().settings.flux_forge != "none" and host.name == next(iter(host_specs())):
        _hand_over(name="Hand the cluster over", found=BatchedFact(Flux))


@operation
def _hand_over(found: BatchedFact[FluxState]) -> Commands:
    # Imported here, because it takes 0.1 s.
    from skerry.local import tools

    here = this_inventory()
    first = here.first_server
    asked = Target.from_settings(first.settings, first.known_hosts)
    try:
        version = tools.flux_version()
    except (InputError, RuntimeError):
        version = ""  # the hand-off says why there is none
    if found.current() == FluxState(version, asked.location):
        host.noop("the cluster follows its repository")
    else:
        yield FunctionCommand(_follow, (here,), {})


def _follow(state: State, host: Host, here: Inventory) -> bool:
    from skerry.commands.fleet import handoff

    try:
        handoff.follow(here, log=lambda line: print(f"    {line}", file=sys.stderr))
    except (InputError, RuntimeError) as error:
        print(f"{host.name}: {error}", file=sys.stderr)
        return False
    return True


def this_inventory() -> Inventory:
    """The inventory of this run, as the tasks see one; its file is not known here."""
    hosts = tuple(
        inventories.Host(name, each.role, each.settings, inventory.get_host(name).data.dict())
        for name, each in host_specs().items()
    )
    return Inventory(hosts[0].name, Path(), hosts)
