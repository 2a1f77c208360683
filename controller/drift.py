"""Drift: whether the hosts are as the inventory says, and the cluster as Git says."""

from __future__ import annotations

import json
import subprocess
import sys

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cluster.errors import InputError
from controller.inventory import PROJECT, Inventory
from controller.kubernetes import reach
from controller.plain import NOT_AS_WANTED
from fleet import conditions


def drift(inventory: Inventory, deploy: str, as_json: bool) -> int:
    """Show both layers. Returns 0, or 3 when anything is not as wanted. Nothing is changed.

    Raises InputError when a host cannot be reached or preflight refuses it, RuntimeError when a look fails.
    """
    hosts, flux = host_drift(inventory, deploy), flux_drift(inventory)
    drifted = any(hosts.values()) or bool(flux)
    if as_json:
        print(json.dumps({"drift": drifted, "hosts": hosts, "flux": flux}, indent=2))
    else:
        table = Table("where", "not as wanted")
        for host, operations in hosts.items():
            table.add_row(host, escape("\n".join(operations)) or "[green]nothing[/]")
        table.add_row(
            "Flux",
            escape("\n".join(flux)) or ("[green]nothing[/]" if _wanted(inventory) else "not asked for"),
        )
        console = Console()
        console.print(table)
        task = "up" if any(hosts.values()) else "flux-status"
        console.print(f"Next: invoke {task} {inventory.path}" if drifted else "Both layers are as wanted.")
    return NOT_AS_WANTED if drifted else 0


def host_drift(inventory: Inventory, deploy: str) -> dict[str, list[str]]:
    """What pyinfra would change, by host."""
    command = [sys.executable, "-m", "controller.engine", "look", str(inventory.path), deploy]
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
