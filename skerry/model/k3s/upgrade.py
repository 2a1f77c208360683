"""Whether a cluster may go from the versions it runs to another one, and in which batches its agents do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from skerry.model.errors import InputError
from skerry.model.k3s.versions import K3sVersion

# A kubelet may be three minors older than the API server, two before 1.28.
# https://kubernetes.io/releases/version-skew-policy/#kubelet
SKEW, SKEW_BEFORE, SKEW_SINCE = 3, 2, (1, 28)


def check(to: K3sVersion, running: Mapping[str, K3sVersion], ours: Collection[str]) -> None:
    """Raises InputError for a downgrade, a skipped minor, or a node that would be left too far behind.

    `running`: the version of every node of the cluster; `ours`: those of the inventory, which are upgraded.
    """
    mine = {node: version for node, version in running.items() if node in ours}
    if not mine:
        raise InputError("none of the inventory's hosts is a node of this cluster; `invoke up` comes first")
    newest, oldest = (pick(mine, key=lambda node: mine[node]) for pick in (max, min))
    if mine[newest] > to:
        raise InputError(
            f"{newest} runs {mine[newest]}, {to} is older; `invoke rollback` goes back, after an upgrade"
        )
    if skips(mine[oldest], to):
        raise InputError(
            f"{oldest} runs {mine[oldest]}, {to} skips a minor; {_next(mine[oldest])} comes first"
        )
    allowed = SKEW if to.kubernetes >= SKEW_SINCE else SKEW_BEFORE
    for node, version in sorted(running.items()):
        if node not in ours and to.minor - version.minor > allowed:
            raise InputError(
                f"{node} is not in the inventory and runs {version}, more than {allowed} minors behind {to}; "
                "add it, or take it out with `invoke node-remove`"
            )


def skips(running: K3sVersion, to: K3sVersion) -> bool:
    """Whether a minor lies between: Kubernetes takes one at a time."""
    return to.minor > running.minor + 1


def _next(running: K3sVersion) -> str:
    return f"a release of v{running.major}.{running.minor + 1}"


def needs_snapshot(running: K3sVersion, to: K3sVersion) -> bool:
    """Whether going back from `running` to `to` takes the datastore of then: another minor has written to it since.

    https://docs.k3s.io/upgrades/roll-back
    """
    return running.kubernetes != to.kubernetes


def batches(agents: Sequence[str], percent: int) -> list[list[str]]:
    """The agents in turn, so many of a hundred at a time, at least one."""
    size = max(1, len(agents) * percent // 100)
    return [list(agents[at : at + size]) for at in range(0, len(agents), size)]
