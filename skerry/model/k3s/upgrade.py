"""Checks of a version change, and the batches in which agents are upgraded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from skerry.model.errors import InputError
from skerry.model.k3s.versions import K3sVersion

# A kubelet may be three minors older than the API server, two before 1.28.
# https://kubernetes.io/releases/version-skew-policy/#kubelet
SKEW, SKEW_BEFORE, SKEW_SINCE = 3, 2, (1, 28)


def check_upgrade(to: K3sVersion, running: Mapping[str, K3sVersion], inventory: Collection[str]) -> None:
    """Raise InputError for a downgrade, a skipped minor, a node left too far behind, or if no node would be upgraded.

    `running`: the version of every node of the cluster. `inventory`: the nodes that will be upgraded.
    """
    versions = {node: version for node, version in running.items() if node in inventory}
    if not versions:
        raise InputError("none of the inventory's hosts is a node of this cluster; run `invoke up` first")
    newest, oldest = max(versions, key=versions.__getitem__), min(versions, key=versions.__getitem__)
    if versions[newest] > to:
        raise InputError(
            f"{newest} runs {versions[newest]}, {to} is older; `invoke rollback` goes back after an upgrade"
        )
    if skips(versions[oldest], to):
        version = versions[oldest]
        raise InputError(
            f"{oldest} runs {version}, {to} skips a minor; upgrade to a release of {version.next_minor_line} first"
        )
    allowed = SKEW if to.kubernetes >= SKEW_SINCE else SKEW_BEFORE
    for node, version in sorted(running.items()):
        if node not in inventory and to.minor - version.minor > allowed:
            raise InputError(
                f"{node} is not in the inventory and runs {version}, more than {allowed} minors behind {to}; "
                "add it to the inventory, or remove it with `invoke node-remove`"
            )


def skips(running: K3sVersion, to: K3sVersion) -> bool:
    """Returns True if a minor lies between the versions. Kubernetes must be upgraded one minor at a time."""
    return to.minor > running.minor + 1


def needs_snapshot(running: K3sVersion, to: K3sVersion) -> bool:
    """Returns whether a rollback must restore the pre-upgrade snapshot: yes if the Kubernetes minor differs.

    https://docs.k3s.io/upgrades/roll-back
    """
    return running.kubernetes != to.kubernetes


def batches(agents: Sequence[str], percent: int) -> list[list[str]]:
    """Returns the agents in batches of `percent` of all agents, rounded down, at least one agent each."""
    size = max(1, len(agents) * percent // 100)
    return [list(agents[start : start + size]) for start in range(0, len(agents), size)]
