"""When K3s is restarted, and when its node is drained first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skerry.facts.k3s import K3sState
from skerry.model.k3s.node import Node
from skerry.phases.k3s.compare import allocatable_problem
from skerry.phases.k3s.restart import action_needed, needs_drain
from tests.unit.phases.k3s.conftest import LEFT, STARTED, node_object


def test_a_healthy_node_is_left_alone(node: Node, healthy: K3sState) -> None:
    assert action_needed(node, healthy) == ""
    assert allocatable_problem(node, healthy) == ""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"running": "something else"}, "restart"),
        ({"running": ""}, "restart"),
        ({"active": "inactive"}, "restart"),
        ({"active": "failed"}, "restart"),
        ({"enabled": False}, "restart"),
        ({"active": "activating", "node": {}}, "wait"),
        ({"node": node_object(LEFT, ready="False")}, "wait"),
        # From the process before this one.
        ({"node": node_object(LEFT, heard="2023-11-14T22:13:20Z")}, "wait"),
        ({"node": {}}, "wait"),
        # The process started with another one.
        ({"loaded": frozenset({"/etc/rancher/k3s/config.yaml"})}, "restart"),
        ({"loaded": frozenset({"/usr/local/bin/k3s-killall.sh"})}, ""),
        ({"loaded": frozenset({"/usr/local/bin/k3s"}), "links": {"k3s": "another version"}}, "restart"),
    ],
)
def test_the_state_of_a_node_decides_on_restarting_or_waiting(
    node: Node, healthy: K3sState, change: dict[str, object], expected: str
) -> None:
    assert action_needed(node, replace(healthy, **change)) == expected  # type: ignore[arg-type]


def test_a_rewritten_unit_restarts_k3s_unless_the_node_is_ready(node: Node, healthy: K3sState) -> None:
    rewritten = replace(healthy, reload_needed=True)
    assert action_needed(node, rewritten) == ""
    assert action_needed(node, replace(rewritten, node=node_object(LEFT, ready="False"))) == "restart"


def test_a_node_is_drained_for_another_version_if_there_is_another_node(
    node: Node, healthy: K3sState
) -> None:
    def running(version: str, **changes: object) -> K3sState:
        status = {**healthy.node["status"], "nodeInfo": {"kubeletVersion": version}}
        return replace(healthy, node={"status": status}, **changes)  # type: ignore[arg-type]

    assert needs_drain(node, running("v1.36.2+k3s1"), hosts=2)
    assert not needs_drain(node, running(node.settings.k3s_version), hosts=2)
    not_ready = running("v1.36.2+k3s1", started=2 * STARTED)
    assert not needs_drain(node, not_ready, hosts=2)  # its pods could not be evicted
    assert not needs_drain(node, replace(healthy, node={}), hosts=2)
    assert not needs_drain(node, running("v1.36.2+k3s1"), hosts=1)
