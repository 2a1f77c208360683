"""The table of the comparison: every round, and the means and differences for each neighbour."""

from __future__ import annotations

from math import isnan
from statistics import mean, stdev

from rich.table import Table

from skerry.bench.etcd_comparison.sides import LIMITS_MS, Figures, Round

NEIGHBOURS = ("", "pull", "random")
FIGURES = ("mean ms", "commit ms", "slowest s", "check perf", "stolen")


def table(rounds: list[Round]) -> Table:
    """List rounds by neighbour, then means, then differences with standard errors, of all rounds and of calm ones."""
    result = Table("neighbour", "round", "side")
    for heading in (*(f">{limit} ms" for limit in LIMITS_MS), *FIGURES):
        result.add_column(heading, justify="right")
    for neighbour in NEIGHBOURS:
        name = neighbour or "idle"
        chosen = [one for one in rounds if one.neighbour == neighbour]
        for number, one in enumerate(chosen, 1):
            for side, figures in (("etcd", one.etcd), ("bench", one.bench)):
                result.add_row(name, str(number), side, *_cells(figures))
            result.add_section()
        if chosen:
            result.add_row(name, "mean", "etcd", *_mean_cells([one.etcd for one in chosen]))
            result.add_row(name, "mean", "bench", *_mean_cells([one.bench for one in chosen]))
            calm = [one for one in chosen if one.is_calm]
            result.add_row(name, f"all {len(chosen)}", "bench - etcd", *_differences(chosen))
            result.add_row(name, f"{len(calm)} calm", "bench - etcd", *_differences(calm))
            result.add_section()
    return result


def _cells(figures: Figures) -> list[str]:
    shares = [f"{share:.1%}" for share in figures.over]
    verdict = "" if isnan(figures.slowest) else "PASS" if figures.passed else "FAIL"
    times = (f"{figures.mean:.2f}", f"{figures.commit_mean:.2f}", f"{figures.slowest:.2f}")
    return [*shares, *times, verdict, f"{figures.steal:.1%}"]


def _mean_cells(sides: list[Figures]) -> list[str]:
    shares = [f"{mean(side.over[column] for side in sides):.1%}" for column in range(len(LIMITS_MS))]
    verdicts = [side.passed for side in sides if not isnan(side.slowest)]
    return [
        *shares,
        f"{mean(side.mean for side in sides):.2f}",
        f"{mean(side.commit_mean for side in sides):.2f}",
        f"{max(side.slowest for side in sides):.2f}",
        f"{sum(verdicts)} of {len(verdicts)} pass",
        f"{mean(side.steal for side in sides):.1%}",
    ]


def _differences(rounds: list[Round]) -> list[str]:
    """Returns differences of shares in percentage points, and of means as ratios; [] without rounds."""
    if not rounds:
        return []
    points = []
    for column in range(len(LIMITS_MS)):
        paired = [100 * (one.bench.over[column] - one.etcd.over[column]) for one in rounds]
        error = stdev(paired) / len(paired) ** 0.5 if len(paired) > 1 else float("nan")
        points.append(f"{mean(paired):+.1f} ± {error:.1f}")
    ratios = [
        mean(one.bench.mean for one in rounds) / mean(one.etcd.mean for one in rounds),
        mean(one.bench.commit_mean for one in rounds) / mean(one.etcd.commit_mean for one in rounds),
    ]
    judged = [one for one in rounds if not isnan(one.etcd.slowest)]
    same = sum(one.bench.passed == one.etcd.passed for one in judged)
    return [*points, *(f"{ratio - 1:+.0%}" for ratio in ratios), "", f"{same} of {len(judged)} alike"]
