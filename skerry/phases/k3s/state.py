"""What the run has read of K3s on each of its hosts."""

from __future__ import annotations

from pyinfra import inventory
from pyinfra.context import ctx_host

from skerry.facts.batch import BatchedFact
from skerry.facts.k3s import K3s, K3sState
from skerry.model.hardening.k3s_cis import POLICIES
from skerry.model.k3s.snapshots import CREDENTIALS
from skerry.operations.per_run import per_run
from skerry.phases.k3s.node import node_of


@per_run
def k3s_fact(name: str) -> BatchedFact[K3sState]:
    """The K3s fact of host `name`, which may be another host than the current one."""
    node = node_of(name)
    with ctx_host.use(inventory.get_host(name)):
        return BatchedFact(
            K3s,
            unit=node.unit,
            binary=node.binary,
            images=node.images,
            role=node.role,
            files=[*(file.path for file in node.files), POLICIES, CREDENTIALS],
        )
