"""Two measurements of a host against each other: what has clearly become worse or better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from bench.bounds import Share, share
from bench.verdict import Result, loads

SERIES = {"sync": "WAL fsync", "commit": "backend commit"}
# Every limit of two series is compared, about thirty pairs of bounds at a time.
CONFIDENCE = 0.999


@dataclass(frozen=True)
class Change:
    """The shares of a series over the largest limit at which two measurements clearly differ."""

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


def compare(before: Result, after: Result) -> list[Change]:
    """What differs by more than chance, in the phases that both have; [] for no clear difference."""
    earlier = {phase["name"]: phase for phase in loads(before)}
    return [
        change
        for phase in loads(after)
        if phase["name"] in earlier
        for series in SERIES
        if series in phase and series in earlier[phase["name"]]
        for change in _differences(
            phase["name"], series, earlier[phase["name"]][series], phase[series], after["limits_ms"]
        )
    ]


def _differences(
    phase: str, series: str, before: dict[str, Any], after: dict[str, Any], limits_ms: list[int]
) -> Iterator[Change]:
    for place in reversed(range(len(limits_ms))):
        then, now = (_share(each, place) for each in (before, after))
        if now.lower > then.upper or then.lower > now.upper:
            yield Change(phase, series, limits_ms[place], then, now)
            return


def _share(series: dict[str, Any], place: int) -> Share:
    rows = [(row[0], row[3 + place]) for row in series["rows"]]
    return share(rows, series["bursts"][place], CONFIDENCE)


def merge(results: Sequence[Result]) -> Result:
    """Several measurements of one host as one: rows in order, histograms added. All must have the same limits."""
    names = [phase["name"] for phase in loads(results[-1])]
    found = [{phase["name"]: phase for phase in loads(result)} for result in results]
    phases = [
        {"name": name}
        | {
            series: reduce(
                _merge_series, [each[name][series] for each in found if name in each and series in each[name]]
            )
            for series in (*SERIES, "response")
            if series in found[-1][name]
        }
        for name in names
    ]
    return {**results[-1], "phases": phases}


def _merge_series(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
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
