"""The state of a node that needs no change."""

from __future__ import annotations

import pytest

from skerry.facts.k3s import K3sState
from skerry.model.k3s.node import Node

STARTED = 1_700_000_000  # 2023-11-14T22:13:20Z


CAPACITY = {"cpu": "2", "memory": "4000000Ki"}


LEFT = {"cpu": "1", "memory": f"{4000000 - (512 + 512 + 100) * 1024}Ki"}


def node_object(
    allocatable: dict[str, str], ready: str = "True", heard: str = "2023-11-14T22:13:31Z"
) -> dict[str, object]:
    conditions = [
        {"type": "MemoryPressure", "status": "False", "lastHeartbeatTime": heard},
        {"type": "Ready", "status": ready, "lastHeartbeatTime": heard},
    ]
    return {"status": {"capacity": CAPACITY, "allocatable": allocatable, "conditions": conditions}}


@pytest.fixture
def healthy(node: Node) -> K3sState:
    return K3sState(
        binary="a" * 64,
        links={},
        elsewhere=frozenset(),
        files={},
        tokens={},
        active="active",
        enabled=True,
        reload_needed=False,
        running=node.digest,
        started=STARTED,
        node=node_object(LEFT),
    )
