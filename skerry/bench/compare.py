"""Add up measurements of a host, and compare them: what has clearly become worse or better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

from skerry.bench.bounds import Share
from skerry.bench.measurement import MeasuredPhase, Measurement, etcd_phases, share_over

SERIES = {"sync": "WAL fsync", "commit": "backend commit"}
# High, because each comparison of two runs compares about thirty pairs of bounds.
CONFIDENCE = 0.999


@dataclass(frozen=True)
class Change:
    """The largest limit at which two measurements clearly differ in a series, with the shares over it."""

    phase: str
    series: str
    limit_ms: int
    before: Share
    after: Share

    @property
    def worse(self) -> bool:
        return self.after.value > self.before.value

    def __str__(self) -> str:
        word = "worse" if self.worse else "better"
        return (
            f"{word}: {self.phase}: {SERIES[self.series]} over {self.limit_ms} ms: "
            f"{100 * self.before.value:.2g} % then, {100 * self.after.value:.2g} % now"
        )


def compare(before: Measurement, after: Measurement) -> list[Change]:
    """Returns the differences beyond chance, in the phases that both measurements have."""
    earlier = {phase["name"]: phase for phase in etcd_phases(before)}
    return [
        change
        for phase in etcd_phases(after)
        if phase["name"] in earlier
        for change in _changes(earlier[phase["name"]], phase, after["limits_ms"])
    ]


def _changes(before: MeasuredPhase, after: MeasuredPhase, limits_ms: list[int]) -> Iterator[Change]:
    for series in SERIES:
        if series not in before or series not in after:
            continue
        for limit in reversed(limits_ms):
            then, now = (share_over(phase[series], limits_ms, limit, CONFIDENCE) for phase in (before, after))
            if now.lower > then.upper or then.lower > now.upper:
                yield Change(after["name"], series, limit, then, now)
                break


def merge(measurements: list[Measurement]) -> Measurement:
    """Add up several measurements, with the phases of the first."""
    return reduce(add, measurements)


def add(first: Measurement, second: Measurement) -> Measurement:
    """Add the second measurement's rows, histograms and counters to the first, in the phases that both have."""
    others = {phase["name"]: phase for phase in etcd_phases(second)}
    phases = [
        _add_phases(phase, others[phase["name"]]) if phase["name"] in others else phase
        for phase in first["phases"]
    ]
    return {**first, "phases": phases}


def _add_phases(first: MeasuredPhase, second: MeasuredPhase) -> MeasuredPhase:
    series = {
        name: _add_series(value, second[name])
        for name, value in first.items()
        if isinstance(value, dict) and "rows" in value and name in second
    }
    counters = {name: value + second["counters"].get(name, 0) for name, value in first["counters"].items()}
    totals = {name: first[name] + second[name] for name in ("seconds", "records")}
    return {**first, **series, **totals, "counters": counters}


def _add_series(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {
        "n": first["n"] + second["n"],
        "sum": first["sum"] + second["sum"],
        "squares": first["squares"] + second["squares"],
        "max": max(first["max"], second["max"]),
        "bursts": [a + b for a, b in zip(first["bursts"], second["bursts"], strict=True)],
        "histogram": dict(Counter(first["histogram"]) + Counter(second["histogram"])),
        "rows": first["rows"] + second["rows"],
        "row_seconds": first["row_seconds"],
    }
