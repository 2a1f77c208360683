"""`invoke drift`: compare the hosts with the inventory, and the cluster with Git."""

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
from skerry.local.exit_codes import BAD_INPUT, DONE, NOT_AS_WANTED
from skerry.local.paths import PROJECT
from skerry.local.tables import new_table
from skerry.model.errors import InputError
from skerry.remote.inventory import Inventory
from skerry.remote.kubernetes import reach


@dataclass(frozen=True)
class Drift:
    """The drift of one cluster: operations that would change each host, and Flux objects that do not follow Git.

    `drift`: whether there is any. `error`: why the cluster could not be compared, which counts as drift.
    """

    cluster: str
    drift: bool
    hosts: dict[str, list[str]] = field(default_factory=dict)
    flux: list[str] = field(default_factory=list)
    error: str = ""


def drift(inventories: Sequence[Inventory], deploy: str, as_json: bool) -> int:
    """Compare every cluster and print its drift. Returns 3 if there is any, else 0. Changes nothing.

    With one cluster, raises InputError if a host cannot be reached or preflight refuses it, and RuntimeError if the
    comparison fails. With several, such an error is printed as that cluster's drift.
    """
    several = len(inventories) > 1
    with ThreadPoolExecutor() as pool:
        drifts = list(pool.map(lambda inventory: _compare(inventory, deploy, several), inventories))
    if as_json:
        values = [asdict(drift) for drift in drifts]
        print(json.dumps(values if several else values[0], indent=2))
    else:
        for drift, inventory in zip(drifts, inventories, strict=True):
            _print(drift, inventory, drift.cluster if several else None)
    return NOT_AS_WANTED if any(drift.drift for drift in drifts) else DONE


def _compare(inventory: Inventory, deploy: str, return_errors: bool) -> Drift:
    try:
        hosts, flux = host_drift(inventory, deploy), flux_drift(inventory)
    except (InputError, RuntimeError) as error:
        if not return_errors:
            raise
        return Drift(inventory.name, True, error=str(error))
    return Drift(inventory.name, any(hosts.values()) or bool(flux), hosts, flux)


def _print(drift: Drift, inventory: Inventory, title: str | None) -> None:
    console = Console()
    if drift.error:
        console.print(escape(f"{drift.cluster}: {drift.error}"))
        return
    table = new_table("where", "not as wanted", fold=["where", "not as wanted"], title=title)
    for host, operations in drift.hosts.items():
        table.add_row(host, escape("\n".join(operations)) or "[green]nothing[/]")
    no_drift = "[green]nothing[/]" if _follows_git(inventory) else "not asked for"
    table.add_row("Flux", escape("\n".join(drift.flux)) or no_drift)
    console.print(table)
    task = "up" if any(drift.hosts.values()) else "flux-status"
    console.print(f"Next: invoke {task} {inventory.path}" if drift.drift else "Both layers are as wanted.")


def host_drift(inventory: Inventory, deploy: str) -> dict[str, list[str]]:
    """Returns the operations that a run would execute, by host. Raises InputError or RuntimeError, like `drift`."""
    command = [sys.executable, "-m", "skerry.runner.engine", "look", str(inventory.path), deploy]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if result.returncode:
        error = InputError if result.returncode == BAD_INPUT else RuntimeError
        raise error(result.stderr.strip() or f"{inventory.path}: could not be compared")
    changes: dict[str, list[str]] = json.loads(result.stdout.splitlines()[-1])
    return changes


def flux_drift(inventory: Inventory) -> list[str]:
    """Returns a line for each Flux object with a problem; [] without any, or if flux_forge is "none"."""
    if not _follows_git(inventory):
        return []
    with reach(inventory) as cluster:
        states = conditions.read(cluster.flux_objects())
    if not states:
        return ["Flux is not installed; run `invoke flux-bootstrap`"]
    return [
        f"{state.kind} {state.namespace}/{state.name}: {state.problem}" for state in states if state.problem
    ]


def _follows_git(inventory: Inventory) -> bool:
    return inventory.first_server.settings.flux_forge != "none"
