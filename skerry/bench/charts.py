"""The charts of a run: how often syncs are slow, and when."""

from __future__ import annotations

from typing import Any

from skerry.bench.criteria import ETCD
from skerry.bench.histogram import counts, exceedance
from skerry.bench.run import HostRun, Run
from skerry.bench.scene import Axis, Chart, Curve
from skerry.bench.verdict import loads

LIMIT = {criterion.series: criterion for criterion in ETCD}
NAMES = {"sync": "WAL fsync", "commit": "backend commit"}
MILLISECONDS = Axis(
    0.05, 2000, tuple((t, f"{t:g}") for t in (0.1, 0.3, 1, 3, 10, 25, 100, 300, 1000)), "milliseconds"
)
SHARE = Axis(
    0.0001,
    1,
    ((1, "100 %"), (0.1, "10 %"), (0.01, "1 %"), (0.001, "0.1 %"), (0.0001, "0.01 %")),
    "share slower than x",
)
MOST_HOSTS = 12  # with a chart of their own
MOST_POINTS = 600  # of a line over time
FEWEST = 20  # syncs in a second that have a p99 worth drawing


def charts(run: Run) -> list[Chart]:
    """The hosts overlaid, then over time, then for each of the worst hosts its idle phases against the loaded."""
    measured = [each for each in run.hosts if each.result and loads(each.result)]
    overlaid = [_hosts(measured, series) for series in NAMES if any(_main(each, series) for each in measured)]
    over_time = [_over_time(measured)] if measured else []
    several = [each for each in measured[:MOST_HOSTS] if each.result and len(loads(each.result)) > 1]
    return [*overlaid, *over_time, *(_phases(each) for each in several)]


def _main(host: HostRun, series: str) -> dict[str, Any] | None:
    """The phase that stands for a host: etcd's whole load without a neighbour."""
    assert host.result is not None
    found = [phase for phase in loads(host.result) if series in phase and not phase.get("neighbour")]
    return found[-1] if found else None


def _hosts(hosts: list[HostRun], series: str) -> Chart:
    curves = [Curve(each.host, _curve(phase[series])) for each in hosts if (phase := _main(each, series))]
    return Chart(f"{NAMES[series]}: all hosts, no neighbours", MILLISECONDS, SHARE, curves, _limits(series))


def _phases(host: HostRun) -> Chart:
    assert host.result is not None
    curves = [Curve(phase["name"], _curve(phase["sync"])) for phase in loads(host.result)]
    return Chart(f"{host.host}: WAL fsync, idle against loaded", MILLISECONDS, SHARE, curves, _limits("sync"))


def _limits(series: str) -> list[tuple[str, float, str]]:
    limit = LIMIT[series]
    return [
        ("x", limit.limit_ms, f"{limit.limit_ms} ms"),
        ("y", limit.share, "p99: lines must pass left of the crossing"),
    ]


def _curve(series: dict[str, Any]) -> list[tuple[float, float]]:
    """Ends at the slowest one: a line to the bottom would claim to know more."""
    found = [(ns / 1e6, share) for ns, share in exceedance(counts(series["histogram"]))]
    return [(MILLISECONDS.low, 1.0), *found]


def _over_time(hosts: list[HostRun]) -> Chart:
    curves, marks, longest = [], [], 0.0
    for number, each in enumerate(hosts):
        assert each.result is not None
        points, begun = [], 0.0
        for phase in loads(each.result):
            if number == 0:
                marks.append((begun, phase["name"]))
            seconds = phase["sync"]["row_seconds"]
            points += [
                (begun + (place + 0.5) * seconds, row[1] / 1e6)
                for place, row in enumerate(phase["sync"]["rows"])
                if row[0] >= FEWEST
            ]
            begun += phase["seconds"]
        curves.append(Curve(each.host, _thin(points)))
        longest = max(longest, begun)
    limits = [("y", LIMIT["sync"].limit_ms, f"{LIMIT['sync'].limit_ms} ms")]
    y = Axis(
        MILLISECONDS.low,
        MILLISECONDS.high,
        tuple((t, f"{t:g}") for t in (0.1, 1, 10, 100, 1000)),
        "p99 of each second, ms",
    )
    return Chart(
        "WAL fsync p99 over time", _seconds(longest), y, curves, limits, marks if len(marks) > 1 else ()
    )


def _thin(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The worst point of each stretch, so that hours fit on a screen and no spike is lost."""
    stride = -(-len(points) // MOST_POINTS) or 1
    return [max(points[at : at + stride], key=lambda point: point[1]) for at in range(0, len(points), stride)]


def _seconds(longest: float) -> Axis:
    unit, name = (
        (1, "seconds") if longest <= 600 else (60, "minutes") if longest <= 6 * 3600 else (3600, "hours")
    )
    steps = [step for step in (1, 2, 5, 10, 20, 30, 60, 120, 240, 500) if longest / unit / step <= 8]
    step = (steps or [1000])[0]
    ticks = tuple((at * unit, str(at)) for at in range(0, int(longest / unit) + 1, step))
    return Axis(0, longest, ticks, name, log=False)
