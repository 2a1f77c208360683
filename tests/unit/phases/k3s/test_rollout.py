from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from skerry.model.preparation.host_facts import HostFacts
from skerry.phases.k3s.rollout import server_order


def host_facts(datastore: str, state: str) -> HostFacts:
    facts = {"datastore": datastore, "server_state": state}
    return cast(HostFacts, SimpleNamespace(**facts))


def test_servers_are_changed_in_an_order_that_keeps_quorum() -> None:
    """Servers that are down come first, then running ones, then new ones; otherwise the inventory's order counts."""
    fresh, runs, down = host_facts("", "inactive"), host_facts("etcd", "active"), host_facts("etcd", "failed")
    names = ["a", "b", "c"]
    assert server_order(names, dict.fromkeys(names, fresh)) == names
    assert server_order(names, dict.fromkeys(names, runs)) == names
    assert server_order(names, {"a": runs, "b": fresh, "c": down}) == ["c", "a", "b"]
    starting = host_facts("etcd", "activating")
    assert server_order(names, {"a": runs, "b": runs, "c": starting}) == ["c", "a", "b"]
    # The third server does not take part in this run.
    assert server_order(names, {"a": runs, "b": runs}) == ["a", "b"]
