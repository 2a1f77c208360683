"""Which hosts a run needs to compose a node."""

from __future__ import annotations

import pytest
from pyinfra.api import Inventory
from pyinfra.context import ctx_inventory

from skerry.operations.errors import BadInput
from skerry.phases.k3s import node


def test_a_run_without_a_host_that_the_others_need_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "all_host_facts", dict)
    with (
        ctx_inventory.use(Inventory((["a", "b"], {}))),
        pytest.raises(BadInput, match="a: is not part of this run"),
    ):
        node.node_of("a")
