"""Measurements added up: of a phase that went on for longer, and of a host's past."""

from __future__ import annotations

from collections import Counter
from functools import reduce
from typing import Any

from skerry.bench.verdict import Phase, Result, loads


def add(one: Result, other: Result) -> Result:
    """The first with what the second measured in the same phases: rows in order, histograms and counters added."""
    more = {phase["name"]: phase for phase in loads(other)}
    phases = [
        _add_phases(phase, more[phase["name"]]) if phase["name"] in more else phase for phase in one["phases"]
    ]
    return {**one, "phases": phases}


def merge(results: list[Result]) -> Result:
    """Several measurements as one, in the phases of the first."""
    return reduce(add, results)


def _add_phases(one: Phase, other: Phase) -> Phase:
    series = {
        name: _add_series(value, other[name])
        for name, value in one.items()
        if isinstance(value, dict) and "rows" in value and name in other
    }
    counters = {name: value + other["counters"].get(name, 0) for name, value in one["counters"].items()}
    totals = {name: one[name] + other[name] for name in ("seconds", "records")}
    return {**one, **series, **totals, "counters": counters}


def _add_series(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {
        "n": one["n"] + other["n"],
        "sum": one["sum"] + other["sum"],
        "squares": one["squares"] + other["squares"],
        "max": max(one["max"], other["max"]),
        "bursts": [a + b for a, b in zip(one["bursts"], other["bursts"], strict=True)],
        "histogram": dict(Counter(one["histogram"]) + Counter(other["histogram"])),
        "rows": one["rows"] + other["rows"],
        "row_seconds": one["row_seconds"],
    }
