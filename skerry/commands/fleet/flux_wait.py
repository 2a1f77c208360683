"""Waiting until Flux has made of a commit what it says, and telling why it has not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime, timezone

from rich.console import Console

from skerry.fleet import conditions
from skerry.local.waiting import until
from skerry.remote.kubernetes import FLUX_KINDS, Cluster

POLL_SECONDS = 2.0
RECONCILED = {"GitRepository": FLUX_KINDS[0], "Kustomization": FLUX_KINDS[1]}


def wait(
    cluster: Cluster, commit: str, deadline: float, say: Callable[[str], None]
) -> list[conditions.State]:
    """Wait until all is Ready at the commit. Raises RuntimeError with each condition in plain words.

    `deadline` is a time of the monotonic clock. Nothing that is suspended becomes Ready, so that nobody waits for it.
    """
    states = conditions.read(cluster.flux_objects())
    _hurry(cluster, conditions.not_following(states, commit))
    with Console(stderr=True).status("") as status:

        def settled() -> bool:
            """Whether nothing lags behind, or what does is suspended, so that waiting would be in vain."""
            nonlocal states
            states = conditions.read(cluster.flux_objects())
            lagging = list(conditions.not_following(states, commit))
            names = ", ".join(f"{state.kind} {state.name}" for state in lagging) or "Flux's first objects"
            status.update(f"Waiting for {names}")
            return bool(states) and (not lagging or any(state.suspended for state in lagging))

        until(settled, deadline - time.monotonic(), POLL_SECONDS)
    lagging = list(conditions.not_following(states, commit))
    if lagging or not states:
        why = _why(cluster, lagging, commit)
        raise RuntimeError("\n".join([*why, "not Ready in time; mend it, push, and run it again"]))
    say(f"Ready: {len(states)} objects at {commit[:12]}")
    return states


def _hurry(cluster: Cluster, lagging: Iterable[conditions.State]) -> None:
    """Have Flux look at once rather than at its next interval: by the annotation that `flux reconcile` sets."""
    now = f"reconcile.fluxcd.io/requestedAt={datetime.now(timezone.utc).isoformat()}"
    for each in lagging:
        if each.kind in RECONCILED and not each.suspended:
            place = (RECONCILED[each.kind], each.name, "-n", each.namespace)
            cluster.kubectl("annotate", "--overwrite", *place, now)


def _why(cluster: Cluster, lagging: list[conditions.State], commit: str) -> list[str]:
    """A line for each controller that does not run, and each object that does not follow."""
    workloads = cluster.get("deployments,pods", "-n", "flux-system").get("items", [])
    told = [(each, each.problem or f"is behind {commit[:12]}") for each in lagging]
    return [
        *conditions.controllers(workloads),
        *(f"{each.kind} {each.namespace}/{each.name}: {why}" for each, why in told),
    ]
