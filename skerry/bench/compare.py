"""Two measurements of a host against each other: what has clearly become worse or better."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from skerry.bench.bounds import Share
from skerry.bench.verdict import Result, loads, share_over

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
    for limit in reversed(limits_ms):
        then, now = (share_over(each, limits_ms, limit, CONFIDENCE) for each in (before, after))
        if now.lower > then.upper or then.lower > now.upper:
            yield Change(phase, series, limit, then, now)
            return
