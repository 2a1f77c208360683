"""Whether allocatable is what the reservations leave."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skerry.facts.k3s import K3sState
from skerry.model.k3s.node import Node
from skerry.model.quantity import MIB
from skerry.phases.k3s.compare import allocatable_problem
from tests.unit.phases.k3s.conftest import CAPACITY, LEFT, node_object


@pytest.mark.parametrize(
    "allocatable", [CAPACITY, LEFT | {"cpu": "1500m"}, LEFT | {"memory": f"{4000000 - 1024 * 1024}Ki"}]
)
def test_a_wrong_allocatable_is_reported_with_figures(
    node: Node, healthy: K3sState, allocatable: dict[str, str]
) -> None:
    problem = allocatable_problem(node, replace(healthy, node=node_object(allocatable)))
    assert str(4000000 * 1024 - 1124 * MIB) in problem
    assert "\n" not in problem


def test_a_node_that_cannot_be_read_is_a_problem(node: Node, healthy: K3sState) -> None:
    assert "could not be read back" in allocatable_problem(node, replace(healthy, node={}))
