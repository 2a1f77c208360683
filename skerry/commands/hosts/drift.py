"""Drift: whether the hosts are as the inventory says, and the cluster as Git says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.markup import escape

from skerry.fleet import conditions
from skerry.local.exit_codes import NOT_AS_WANTED
from skerry.local.paths import PROJECT
from skerry.local.tables import new_table
from skerry.model.errors import InputError
from skerry.remote.inventory import Inventory
from skerry.remote.kubernetes import reach


@dataclass(frozen=True)
class Drift:
    """One cluster: what would be changed by host, what does not follow Git, or why it could not be compared."""

    cluster: str
    drift: bool
    hosts: dict[str, list[str]] = field(default_factory=dict)
    flux: list[str] = field(default_factory=list)
    error: str = ""


def drift(inventories: Sequence[Inventory], deploy: str, as_json: bool) -> int:
    """Show both layers of every cluster. Returns 0, or 3 when anything is not as wanted. Nothing is changed.

    Raises InputError when a host cannot be reached or preflight refuses it, RuntimeError when a look fails; where
    several clusters are looked at, that is told of the one it happens to.
    """
    several = len(inventories) > 1
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda inventory: _look(inventory, deploy, several), inventories))
    if as_json:
        shown = [asdict(each) for each in found]
        print(json.dumps(shown if several else shown[0], indent=2))
    else:
        _show(found, inventories)
    return NOT_AS_WANTED if any(each.drift for each in found) else 0


def _look(inventory: Inventory, deploy: str, goes_on: bool) -> Drift:
    try:
        hosts, flux = host_drift(inventory, deploy), flux_drift(inventory)
    except (InputError, RuntimeError) as error:
        if not goes_on:
            raise
        return Drift(inventory.name, True, error=str(error))
    return Drift(inventory.name, any(hosts.values()) or bool(flux), hosts, flux)


def _show(found: Sequence[Drift], inventories: Sequence[Inventory]) -> None:
    console = Console()
    for each, inventory in zip(found, inventories, strict=True):
        title = each.cluster if len(found) > 1 else None
        table = new_table("where", "not as wanted", fold=["where", "not as wanted"], title=title)
        for host, operations in each.hosts.items():
            table.add_row(host, escape("\n".join(operations)) or "[green]nothing[/]")
        nothing = "[green]nothing[/]" if _wanted(inventory) else "not asked for"
        table.add_row("Flux", escape("\n".join(each.flux)) or nothing)
        console.print(escape(f"{each.cluster}: {each.error}") if each.error else table)
        task = "up" if any(each.hosts.values()) else "flux-status"
        if not each.error:
            console.print(
                f"Next: invoke {task} {inventory.path}" if each.drift else "Both layers are as wanted."
            )


def host_drift(inventory: Inventory, deploy: str) -> dict[str, list[str]]:
    """What pyinfra would change, by host."""
    command = [sys.executable, "-m", "skerry.runner.engine", "look", str(inventory.path), deploy]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        kind = InputError if done.returncode == 2 else RuntimeError
        raise kind(done.stderr.strip() or f"{inventory.path}: could not be compared")
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def flux_drift(inventory: Inventory) -> list[str]:
    """What Flux reports as not reconciled, a line each; nothing when no hand-off is asked for."""
    if not _wanted(inventory):
        return []
    with reach(inventory) as cluster:
        states = conditions.read(cluster.flux_objects())
    if not states:
        return ["Flux is not installed; run `invoke flux-bootstrap`"]
    return [f"{each.kind} {each.namespace}/{each.name}: {each.problem}" for each in states if each.problem]


def _wanted(inventory: Inventory) -> bool:
    return inventory.first_server.settings.flux_forge != "none"
