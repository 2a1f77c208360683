"""Values that are computed once in a run."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pyinfra.api import Inventory
from pyinfra.context import ctx_inventory

from skerry.operations.per_run import per_run


def inventory() -> Inventory:
    return Inventory((["a", "b"], {}))


def test_a_value_is_computed_once_for_each_inventory_and_argument() -> None:
    calls: list[str] = []

    @per_run
    def shout(word: str) -> str:
        calls.append(word)
        return word.upper()

    for _ in range(2):
        with ctx_inventory.use(inventory()):
            assert [shout("a"), shout("b"), shout("a")] == ["A", "B", "A"]
    assert calls == ["a", "b", "a", "b"]


def test_an_error_is_raised_for_every_host_and_its_cause_runs_once() -> None:
    calls: list[int] = []

    @per_run
    def fail() -> None:
        calls.append(1)
        raise ValueError("a mistake in the inventory")

    with ctx_inventory.use(inventory()):
        for _ in range(2):
            with pytest.raises(ValueError, match="a mistake"):
                fail()
    assert calls == [1]


def test_hosts_that_are_prepared_at_the_same_time_wait_for_one_computation() -> None:
    calls: list[int] = []
    used = inventory()

    @per_run
    def slow() -> int:
        calls.append(threading.get_ident())
        time.sleep(0.1)
        return 1

    def ask(_: int) -> int:
        with ctx_inventory.use(used):
            return slow()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == [1, 1, 1, 1]
    assert len(calls) == 1
