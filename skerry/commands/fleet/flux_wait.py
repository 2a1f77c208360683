"""Wait until Flux has applied a commit, and report why it has not."""

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
    cluster: Cluster, commit: str, deadline: float, log: Callable[[str], None]
) -> list[conditions.ObjectState]:
    """Wait until all of Flux's objects are Ready at the commit. Returns their states.

    `deadline`: on the monotonic clock. Raises RuntimeError with a line for each problem, early for a suspended object.
    """
    states = conditions.read(cluster.flux_objects())
    _request_reconciliation(cluster, conditions.not_following(states, commit))
    with Console(stderr=True).status("") as status:

        def settled() -> bool:
            """Whether all objects are Ready at the commit, or one is suspended and will not become Ready."""
            nonlocal states
            states = conditions.read(cluster.flux_objects())
            lagging = list(conditions.not_following(states, commit))
            names = ", ".join(f"{state.kind} {state.name}" for state in lagging) or "Flux's first objects"
            status.update(f"Waiting for {names}")
            return bool(states) and (not lagging or any(state.suspended for state in lagging))

        until(settled, deadline - time.monotonic(), POLL_SECONDS)
    lagging = list(conditions.not_following(states, commit))
    if lagging or not states:
        problems = _problems(cluster, lagging, commit)
        raise RuntimeError("\n".join([*problems, "not Ready in time; correct it, push, and run it again"]))
    log(f"Ready: {len(states)} objects at {commit[:12]}")
    return states


def _request_reconciliation(cluster: Cluster, lagging: Iterable[conditions.ObjectState]) -> None:
    """Let Flux reconcile now instead of at its next interval, by the annotation that `flux reconcile` sets."""
    annotation = f"reconcile.fluxcd.io/requestedAt={datetime.now(timezone.utc).isoformat()}"
    for state in lagging:
        if state.kind in RECONCILED and not state.suspended:
            target = (RECONCILED[state.kind], state.name, "-n", state.namespace)
            cluster.kubectl("annotate", "--overwrite", *target, annotation)


def _problems(cluster: Cluster, lagging: list[conditions.ObjectState], commit: str) -> list[str]:
    """Returns a line for each controller that does not run, and for each object that is not Ready at the commit."""
    workloads = cluster.get("deployments,pods", "-n", "flux-system").get("items", [])
    return [
        *conditions.controllers(workloads),
        *(
            f"{state.kind} {state.namespace}/{state.name}: {state.problem or f'is behind {commit[:12]}'}"
            for state in lagging
        ),
    ]
