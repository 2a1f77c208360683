"""`invoke bench-speed`: time runs, and compare them with Ansible's for the same operations on the same hosts.

    invoke bench-speed                                                  # the whole table, about an hour
    invoke bench-speed --hosts 1 --delays 0,25 --rounds 3 --no-fresh    # minutes

One nspawn lab host is booted. Further hosts are SSH servers of the same container, each with its own hostname and
machine-id: a run that changes nothing costs the same on both sides as with separate hosts. A single host gets the
whole deploy/k3s.py, several get the host part and hardening. Ansible does the same in its words (playbook.py) with
files from a recorded run; it is installed from PyPI into its own virtual environment.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from skerry import lab
from skerry.bench.speed.contenders import contenders
from skerry.bench.speed.speed_lab import DOUBLE_VERSION, K3S_MIB, NAME, SpeedLab
from skerry.bench.speed.timing import Cost, measure
from skerry.local.console import log
from skerry.local.tables import new_table

CAPTION = """ms: delay each way; seconds: median (lowest-highest) of the rounds
times Skerry: median (lowest-highest) of each round's ratio"""
Rows = list[tuple[str, ...]]


def run(counts: list[int], delays_ms: list[float], rounds: int, fresh: bool, flavours: list[str]) -> None:
    """Boot, measure, print the table, and remove the host. `flavours`: of Ansible."""
    results: Rows = []
    lab.down([NAME], missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="skerry-speed-") as folder:
        try:
            log("booting a lab host")
            speed_lab = SpeedLab(Path(folder))
            k3s = k3s_caption(speed_lab.k3s_version)
            log(k3s.replace("\n", " "))
            log("recording a run on the fresh host")
            speed_lab.record()
            if fresh:
                results += _measure_fresh(speed_lab, delays_ms, rounds, flavours)
            lab.restore(NAME, "stocked")
            log("deploying")
            speed_lab.deploy()
            for count in counts:
                results += _measure_unchanged(speed_lab, count, delays_ms, rounds, flavours)
        finally:
            lab.down([NAME], missing_ok=True)
    Console(highlight=False).print(table(results))
    print(f"{CAPTION}\n{k3s}")


def k3s_caption(version: str) -> str:
    """Say which K3s the runs installed. `version`: of a real K3s, "" for the test double."""
    if version:
        return f"K3s {version} is the real one, from artifacts/."
    return (
        f"K3s is the test double of tests/doubles, called {DOUBLE_VERSION}: a release's size ({K3S_MIB} MiB)\n"
        "and answers, but ready within 3 s. `invoke artifacts-fetch INVENTORY` brings the real one."
    )


def _measure_fresh(speed_lab: SpeedLab, delays_ms: list[float], rounds: int, flavours: list[str]) -> Rows:
    """Time runs on a fresh host that has the package archives."""
    results: Rows = []
    for delay in delays_ms:
        title = f"fresh, 1 host, {delay:g} ms"
        with speed_lab.links(1, delay) as links:
            candidates = contenders(speed_lab, links, flavours, fresh=True)
            costs = measure(title, rounds, candidates, lambda: lab.restore(NAME, "stocked"))
        results += rows(("fresh", "1", f"{delay:g}"), costs)
    return results


def _measure_unchanged(
    speed_lab: SpeedLab, count: int, delays_ms: list[float], rounds: int, flavours: list[str]
) -> Rows:
    """Time runs that change nothing on `count` hosts."""
    results: Rows = []
    speed_lab.start_hosts(count)
    # Opens the new hosts' ports in the firewall.
    speed_lab.deploy()
    for delay in delays_ms:
        title = f"no-op, {count} host{'s' if count > 1 else ''}, {delay:g} ms"
        with speed_lab.links(count, delay) as links:
            log(f"{title}: deploying")
            speed_lab.settle(links)
            candidates = contenders(speed_lab, links, flavours, fresh=False)
            measure(f"{title}, warm-up", 1, candidates)
            costs = measure(title, rounds, candidates)
        _insist_on_no_change(costs)
        results += rows(("no-op", str(count), f"{delay:g}"), costs)
    return results


def _insist_on_no_change(costs: dict[str, list[Cost]]) -> None:
    for name, runs in costs.items():
        for cost in runs:
            if cost.changed:
                raise SystemExit(f"{name} changed a host that was in its final state:\n{cost.output[-3000:]}")


def rows(title: tuple[str, str, str], costs: dict[str, list[Cost]]) -> Iterator[tuple[str, ...]]:
    """Yield a row per contender: title, name, seconds, ratio to Skerry's time in the same round, peak memory."""
    for name, runs in costs.items():
        seconds = [cost.seconds for cost in runs]
        ratios = [cost.seconds / skerry.seconds for cost, skerry in zip(runs, costs["Skerry"], strict=True)]
        ratio = "1" if name == "Skerry" else _spread(ratios)
        yield (*title, name, _spread(seconds), ratio, f"{max(cost.mib for cost in runs):.0f}")


def _spread(values: Sequence[float]) -> str:
    """Format the median, and below it the range; two decimals below 100, else one."""
    low, middle, high = (
        f"{value:.{1 if value >= 100 else 2}f}" for value in (min(values), median(values), max(values))
    )
    return f"{middle}\n({low}-{high})"


def table(results: Sequence[tuple[str, ...]]) -> Table:
    """The measured rows for people."""
    headings = ("run", "hosts", "ms", "contender", "seconds", "times Skerry", "MiB")
    table = new_table(*headings, fold=["contender"])
    for row in results:
        table.add_row(*row)
    return table
