"""Comparison of what the node lets pods use, read from the API server, with the reservations."""

from __future__ import annotations

from pyinfra import host
from pyinfra import state as run

from skerry.facts.batch import BatchedFact
from skerry.facts.k3s import K3sState
from skerry.model.k3s.eviction import memory_threshold
from skerry.model.k3s.node import Node
from skerry.model.k3s.reservations import allocatable
from skerry.model.quantity import parse_cpu, parse_memory
from skerry.operations import Commands, operation, refuse
from skerry.phases.k3s.restart import action_needed


@operation
def compare_allocatable(node: Node, fact: BatchedFact[K3sState]) -> Commands:
    """Fail if the node lets pods use more or less than the reservations say."""
    if action_needed(node, fact.at_start()) and not run.is_executing:
        # This run has not started K3s yet: there is no node to compare.
        return
    problem = allocatable_problem(node, fact.current())
    if problem:
        yield refuse(problem)
    else:
        host.noop("allocatable is capacity less reservations and eviction")


def allocatable_problem(node: Node, state: K3sState) -> str:
    """Returns in one line how the node's allocatable differs from the reservations, or that the API gave no node.

    Returns "" if they agree; memory may differ by less than 1 KiB.
    https://kubernetes.io/docs/tasks/administer-cluster/reserve-compute-resources/#node-allocatable
    """
    status = state.node.get("status", {})
    if not status:
        return "the node could not be read back from the API server"
    capacity, actual = (
        (parse_cpu(status[key]["cpu"]), parse_memory(status[key]["memory"], from_api=True))
        for key in ("capacity", "allocatable")
    )
    eviction = memory_threshold(node.settings.eviction_hard, capacity[1])
    expected = allocatable(*capacity, node.reservations, eviction)
    if actual[0] == expected[0] and abs(actual[1] - expected[1]) < 1024:
        return ""
    return (
        f"the node allocates {actual[0]}m / {actual[1]} bytes, the reservations say {expected[0]}m / {expected[1]}; "
        "look for kubelet-arg in /etc/rancher/k3s/config.yaml.d and kubelet.conf.d; restart K3s after a change there"
    )
