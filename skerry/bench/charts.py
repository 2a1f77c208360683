"""Choose the charts of a run, and compute their data: how often syncs are slow, and when."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from skerry.bench.criteria import ETCD, Criterion
from skerry.bench.histogram import counts, exceedance
from skerry.bench.measurement import MeasuredPhase, etcd_phases
from skerry.bench.run import HostRun, Run

CRITERIA = {criterion.series: criterion for criterion in ETCD}
NAMES = {"sync": "WAL fsync", "commit": "backend commit"}
FASTEST_MS, SLOWEST_MS = 0.05, 2000  # the axes' ends
MOST_POINTS = 600  # of a curve over time
FEWEST_SYNCS = 20  # in a second whose p99 is drawn


@dataclass(frozen=True)
class Curve:
    """A named line: (milliseconds, share at or above) or (time since the begin, milliseconds)."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class ShareChart:
    """Share of a series' times that took at least x milliseconds, with the criterion they are judged by."""

    title: str
    curves: Sequence[Curve]
    criterion: Criterion


@dataclass(frozen=True)
class TimeChart:
    """p99 of each second, from 0 to `longest` of a unit. `phases`: when each begins, and its name."""

    title: str
    curves: Sequence[Curve]
    criterion: Criterion
    phases: Sequence[tuple[float, str]]
    longest: float
    unit: str


Chart = ShareChart | TimeChart


def charts(run: Run) -> list[Chart]:
    """Returns charts with a curve per measured host, by series and over time; [] if no host was measured."""
    measured = [(host, phases) for host in run.hosts if (phases := _phases(host))]
    by_series = [chart for series in NAMES if (chart := _all_hosts(measured, series)).curves]
    return [*by_series, _over_time(measured)] if measured else []


def host_chart(host: HostRun) -> ShareChart | None:
    """Compare a host's idle phases with the loaded ones. Returns None if there are fewer than two phases."""
    phases = _phases(host)
    curves = [Curve(phase["name"], _exceedance(phase["sync"])) for phase in phases]
    title = f"{host.host}: WAL fsync, idle against loaded"
    return ShareChart(title, curves, CRITERIA["sync"]) if len(phases) > 1 else None


Measured = list[tuple[HostRun, list[MeasuredPhase]]]
"""Hosts with the phases in which etcd's load ran, at least one each."""


def _phases(host: HostRun) -> list[MeasuredPhase]:
    return etcd_phases(host.result) if host.result else []


def _all_hosts(measured: Measured, series: str) -> ShareChart:
    """Draw a curve per host, from its last phase that has the series and no neighbour: it holds etcd's whole load."""
    alone = [
        (host, [phase for phase in phases if series in phase and not phase.get("neighbour")])
        for host, phases in measured
    ]
    curves = [Curve(host.host, _exceedance(phases[-1][series])) for host, phases in alone if phases]
    return ShareChart(f"{NAMES[series]}: all hosts, no neighbours", curves, CRITERIA[series])


def _exceedance(series: dict[str, Any]) -> list[tuple[float, float]]:
    """Returns a series' curve. It ends at the slowest observation, because nothing is known beyond."""
    points = [(ns / 1e6, share) for ns, share in exceedance(counts(series["histogram"]))]
    return [(FASTEST_MS, 1.0), *points]


def _over_time(measured: Measured) -> TimeChart:
    longest = max(sum(phase["seconds"] for phase in phases) for _, phases in measured)
    seconds, unit = (
        (1, "seconds") if longest <= 600 else (60, "minutes") if longest <= 6 * 3600 else (3600, "hours")
    )
    curves = []
    for host, phases in measured:
        points = [
            ((begin + (number + 0.5) * phase["sync"]["row_seconds"]) / seconds, row[1] / 1e6)
            for begin, phase in _begins(phases)
            for number, row in enumerate(phase["sync"]["rows"])
            if row[0] >= FEWEST_SYNCS
        ]
        curves.append(Curve(host.host, _thin(points)))
    first = measured[0][1]
    marks = [(begin / seconds, phase["name"]) for begin, phase in _begins(first)] if len(first) > 1 else []
    return TimeChart("WAL fsync p99 over time", curves, CRITERIA["sync"], marks, longest / seconds, unit)


def _begins(phases: list[MeasuredPhase]) -> list[tuple[float, MeasuredPhase]]:
    """Returns each phase after the second at which it begins."""
    ends = itertools.accumulate(phase["seconds"] for phase in phases)
    return list(zip([0, *ends], phases, strict=False))


def _thin(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Keep the worst point of each stretch, so that hours fit on a screen and no spike is lost."""
    stride = -(-len(points) // MOST_POINTS) or 1
    return [max(points[at : at + stride], key=lambda point: point[1]) for at in range(0, len(points), stride)]
