"""Waiting with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable


def remaining_problem(check: Callable[[], str], seconds: float, every: float = 1.0) -> str:
    """Call `check` until it returns "" or `seconds` have passed. Returns its last answer.

    An exception of `check` is passed on.
    """
    deadline = time.monotonic() + seconds
    while (problem := check()) and time.monotonic() < deadline:
        time.sleep(every)
    return problem


def until(condition: Callable[[], bool], seconds: float, every: float = 0.2) -> bool:
    """Wait until `condition` holds. Returns False if it does not within `seconds`."""
    return not remaining_problem(lambda: "" if condition() else "not yet", seconds, every)
