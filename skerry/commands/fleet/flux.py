"""Hand a cluster over to Flux, and show, suspend, resume or remove it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape

from skerry.commands.fleet.handoff import Handoff, hand_over
from skerry.fleet import conditions
from skerry.local import tools
from skerry.local.cluster_lock import cluster_lock
from skerry.local.console import require_confirmation
from skerry.local.exit_codes import DONE, NOT_AS_WANTED
from skerry.local.tables import new_table
from skerry.model.errors import InputError
from skerry.remote.inventory import Inventory
from skerry.remote.kubernetes import last_line, reach, tunnel

REMOVAL_SECONDS = 120
SUSPENDABLE = ("Kustomization", "HelmRelease")


def bootstrap(inventory: Inventory, adopt: bool) -> None:
    """Hand the cluster over, and print the outcome."""
    _report(hand_over(inventory, adopt), inventory)


def rotate_deploy_key(inventory: Inventory) -> None:
    """Bootstrap again with a new deploy key."""
    _report(hand_over(inventory, again=True), inventory)
    if inventory.first_server.settings.flux_forge == "git":
        print(
            "The cluster has the key of flux_private_key. If it is a new one, remove the old one from the Git server."
        )
    else:
        print("Remove the old deploy key at the forge; it still opens the repository.")


def _report(handoff: Handoff, inventory: Inventory) -> None:
    state = "handed over" if handoff.changed else "unchanged"
    print(
        f"{inventory.name}: {state}; follows {handoff.commit[:12]}. Next: invoke flux-status {inventory.path}"
    )


def read_states(inventory: Inventory) -> list[conditions.ObjectState]:
    """Read the states of Flux's objects, those with a problem first. Raises InputError if Flux is not installed."""
    with reach(inventory) as cluster:
        states = conditions.read(cluster.flux_objects())
    if not states:
        raise InputError(
            f"{inventory.name}: Flux is not installed; run `invoke flux-bootstrap {inventory.path}`"
        )
    return states


def status(inventory: Inventory, as_json: bool) -> int:
    """Print the states of Flux's objects. Returns 3 if one has a problem, else 0."""
    states = read_states(inventory)
    if as_json:
        print(json.dumps([{**asdict(state), "problem": state.problem} for state in states], indent=2))
    else:
        table = new_table("object", "state", "revision", fold=["object", "state", "revision"])
        for state in states:
            text = f"[red]{escape(state.problem)}[/]" if state.problem else "[green]Ready[/]"
            name = f"{state.kind} {state.namespace}/{state.name}"
            table.add_row(name, text, short_revision(state.revision))
        Console().print(table)
    return NOT_AS_WANTED if any(state.problem for state in states) else DONE


def short_revision(revision: str) -> str:
    """The revision with an abbreviated hash: "main@sha1:0123456789ab"."""
    name, colon, commit = revision.rpartition(":")
    return f"{name}{colon}{commit[:12]}"


def switch(inventory: Inventory, suspended: bool) -> None:
    """Suspend or resume every Kustomization and HelmRelease.

    The Kustomization flux-system is changed first: while it is active, it undoes changes of the others.
    """
    with cluster_lock(inventory.path), reach(inventory) as cluster:
        objects = [
            item
            for item in cluster.flux_objects()
            if item["kind"] in SUSPENDABLE and bool(item["spec"].get("suspend")) != suspended
        ]
        objects.sort(key=lambda item: item["metadata"]["name"] != "flux-system")
        cluster.set_suspended(objects, suspended)
    state = "suspended: changes in Git are not applied" if suspended else "resumed"
    next_command = f"invoke {'flux-resume' if suspended else 'flux-status'} {inventory.path}"
    print(f"{inventory.name}: {len(objects)} object(s) {state}. Next: {next_command}")


def uninstall(inventory: Inventory, yes: bool) -> None:
    """Remove Flux and its namespace; what it has applied stays.

    Raises InputError without confirmation, RuntimeError if flux fails.
    """
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
            raise RuntimeError(f"flux uninstall failed: {last_line(done.stderr)}; run it again to continue")
        # flux does not wait, and nothing can be created in a namespace that is being deleted.
        cluster.kubectl("wait", "--for=delete", "namespace/flux-system", f"--timeout={REMOVAL_SECONDS}s")
    print(
        f"{inventory.name}: Flux is removed. Next: invoke flux-bootstrap {inventory.path} --adopt, or nothing"
    )
