"""Read a measurement, which is what the engine printed for one host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skerry.bench import criteria
from skerry.bench.bounds import CONFIDENCE, Share, share

Measurement = dict[str, Any]
"""The engine's result, schema 1: environment, limits_ms and phases."""
MeasuredPhase = dict[str, Any]
"""One phase of a measurement: its series of times, each with a histogram and rows over time, and its counters."""


def etcd_phases(measurement: Measurement) -> list[MeasuredPhase]:
    """The phases in which etcd's load ran."""
    return [phase for phase in measurement["phases"] if "sync" in phase]


def rows_over(series: dict[str, Any], limits_ms: list[int], limit_ms: int) -> list[tuple[int, int]]:
    """Returns (observations, observations over the limit) of each row. `limit_ms`: one of the engine's limits."""
    # A row begins with count, p99 and maximum.
    column = 3 + limits_ms.index(limit_ms)
    return [(row[0], row[column]) for row in series["rows"]]


def share_over(
    series: dict[str, Any], limits_ms: list[int], limit_ms: int, confidence: float = CONFIDENCE
) -> Share:
    """The share of a series' times over one of the engine's limits, with its bounds."""
    bursts = series["bursts"][limits_ms.index(limit_ms)]
    return share(rows_over(series, limits_ms, limit_ms), bursts, confidence)


def percent(value: float) -> str:
    """Format a share for people: two digits below 10 %, whole percents above."""
    return f"{100 * value:.2g} %" if value < 0.1 else f"{100 * value:.0f} %"


def starvation(phase: MeasuredPhase, limits_ms: list[int]) -> str:
    """Returns why the CPU, not the disk, was the bottleneck of a phase; "" if the CPU was not."""
    late = share_over(phase["wake"], limits_ms, criteria.LATE_WAKE_MS) if phase["wake"]["n"] else None
    if late and late.value >= criteria.LATE_WAKE_SHARE:
        return f"{percent(late.value)} of the timers woke over {criteria.LATE_WAKE_MS} ms late: the CPU is overloaded"
    steal = stolen(phase) or 0.0
    return f"the hypervisor took {percent(steal)} of the CPU" if steal >= criteria.STEAL_SHARE else ""


def stolen(phase: MeasuredPhase) -> float | None:
    """The share of the CPU that the hypervisor took during a phase; None where the kernel does not count it."""
    counters = phase["counters"]
    return counters["steal_ticks"] / counters["cpu_ticks"] if counters.get("cpu_ticks") else None


@dataclass(frozen=True)
class CheckPerf:
    """What `etcdctl check perf --load=s` would have measured. `rate`: the share done of 150 writes a second."""

    rate: float
    slowest_seconds: float
    deviation_seconds: float

    @property
    def passed(self) -> bool:
        return (
            self.rate > criteria.PERF_RATE
            and self.slowest_seconds <= criteria.PERF_SLOWEST_SECONDS
            and self.deviation_seconds <= criteria.PERF_DEVIATION_SECONDS
        )


def check_perf(phase: MeasuredPhase) -> CheckPerf:
    """Compute this from the response times of a phase's records, each counted from when its request was due."""
    response = phase["response"]
    mean = response["sum"] / response["n"]
    deviation = max(response["squares"] / response["n"] - mean**2, 0) ** 0.5
    return CheckPerf(phase["records"] / response["n"], response["max"] / 1e9, deviation / 1e9)
