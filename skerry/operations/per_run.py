"""Values that are computed once in a run, for all hosts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import wraps
from typing import ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from pyinfra.api import Inventory
from pyinfra.context import ctx_inventory

P = ParamSpec("P")
T = TypeVar("T")


def per_run(compute: Callable[P, T]) -> Callable[P, T]:
    """Cache the results and errors of `compute` by its arguments, for each inventory: a run has one inventory.

    pyinfra prepares all hosts at the same time. A caller that comes while a value is computed waits for the value.
    """
    results_of: WeakKeyDictionary[Inventory, dict[object, Future[T]]] = WeakKeyDictionary()

    @wraps(compute)
    def cached(*args: P.args, **kwargs: P.kwargs) -> T:
        results = results_of.setdefault(ctx_inventory.get(), {})
        own: Future[T] = Future()
        result = results.setdefault((args, frozenset(kwargs.items())), own)
        if result is own:
            try:
                own.set_result(compute(*args, **kwargs))
            except Exception as error:
                own.set_exception(error)
        return result.result()

    return cached
