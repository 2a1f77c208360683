"""Flux as it runs: its state for people and machines, pause, resume, removal."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from skerry.commands.fleet.handoff import Handoff, hand_over
from skerry.fleet import conditions
from skerry.local import tools
from skerry.local.cluster_lock import cluster_lock
from skerry.local.console import require_confirmation
from skerry.local.exit_codes import NOT_AS_WANTED
from skerry.model.errors import InputError
from skerry.remote.inventory import Inventory
from skerry.remote.kubernetes import last_line, reach, tunnel

GONE_SECONDS = 120
SWITCHED = ("Kustomization", "HelmRelease")


def bootstrap(inventory: Inventory, adopt: bool) -> None:
    """Hand over and tell the outcome."""
    _tell(hand_over(inventory, adopt), inventory)


def rotate_deploy_key(inventory: Inventory) -> None:
    """Bootstrap again with a new deploy key."""
    _tell(hand_over(inventory, again=True), inventory)
    if inventory.first_server.settings.flux_forge == "git":
        print(
            "The cluster has the key of flux_private_key. If that is a new one, withdraw the old one at the server."
        )
    else:
        print("Remove the old deploy key at the forge; it still opens the repository.")


def _tell(done: Handoff, inventory: Inventory) -> None:
    what = "handed over" if done.changed else "unchanged"
    print(f"{inventory.name}: {what}; follows {done.commit[:12]}. Next: invoke flux-status {inventory.path}")


def states(inventory: Inventory) -> list[conditions.State]:
    """Flux's objects, those with a problem first. Raises InputError when Flux is not there."""
    with reach(inventory) as cluster:
        found = conditions.read(cluster.flux_objects())
    if not found:
        raise InputError(
            f"{inventory.name}: Flux is not installed; run `invoke flux-bootstrap {inventory.path}`"
        )
    return found


def status(inventory: Inventory, as_json: bool) -> int:
    """Show them. Returns 3 when one has a problem."""
    found = states(inventory)
    if as_json:
        print(json.dumps([{**asdict(each), "problem": each.problem} for each in found], indent=2))
    else:
        table = Table("object", "state", "revision")
        for each in found:
            state = f"[red]{escape(each.problem)}[/]" if each.problem else "[green]Ready[/]"
            table.add_row(f"{each.kind} {each.namespace}/{each.name}", state, short(each.revision))
        Console().print(table)
    return NOT_AS_WANTED if any(each.problem for each in found) else 0


def short(revision: str) -> str:
    """ "main@sha1:0123456789ab" of a full hash."""
    name, colon, commit = revision.rpartition(":")
    return f"{name}{colon}{commit[:12]}"


def switch(inventory: Inventory, suspended: bool) -> None:
    """Suspend or resume every Kustomization and HelmRelease; Flux's own first, so that it undoes nothing."""
    with cluster_lock(inventory.path), reach(inventory) as cluster:
        objects = [
            each
            for each in cluster.flux_objects()
            if each["kind"] in SWITCHED and bool(each["spec"].get("suspend")) != suspended
        ]
        own_first = sorted(objects, key=lambda each: each["metadata"]["name"] != "flux-system")
        cluster.set_suspended(own_first, suspended)
    what = "suspended: changes in Git wait" if suspended else "resumed"
    following = f"invoke {'flux-resume' if suspended else 'flux-status'} {inventory.path}"
    print(f"{inventory.name}: {len(objects)} object(s) {what}. Next: {following}")


def uninstall(inventory: Inventory, yes: bool) -> None:
    """Remove Flux and its namespace; what it has applied stays. Raises InputError without confirmation."""
    question = f"Remove Flux from {inventory.name}? What it has applied stays, and is no longer managed."
    require_confirmation(question, yes, "nothing was removed")
    flux = tools.find("flux")
    with (
        cluster_lock(inventory.path),
        reach(inventory) as cluster,
        tunnel(cluster, inventory.name) as kubeconfig,
    ):
        command = [flux, "uninstall", "--silent", f"--kubeconfig={kubeconfig}", f"--context={inventory.name}"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"flux uninstall failed: {last_line(done.stderr)}; run it again to go on")
        # Flux asks for the removal and goes; in a namespace that is on its way out nothing new can be made.
        cluster.kubectl("wait", "--for=delete", "namespace/flux-system", f"--timeout={GONE_SECONDS}s")
    print(
        f"{inventory.name}: Flux is removed. Next: invoke flux-bootstrap {inventory.path} --adopt, or nothing"
    )
