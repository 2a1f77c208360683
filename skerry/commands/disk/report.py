"""Show a run of bench-disk to people: a table, a page and a picture. Text from hosts is never read as markup."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from skerry.bench.histogram import counts, percentile
from skerry.bench.measurement import Measurement, etcd_phases
from skerry.bench.run import Run
from skerry.commands.disk import history
from skerry.commands.disk.progress import COLOURS
from skerry.local.files import replace
from skerry.local.tables import new_table


def show(run: Run, as_json: bool, page: Path) -> None:
    """Print the run on standard output: as a table with reasons, notes and the path of the page, or as JSON."""
    if as_json:
        print(json.dumps(run.as_json()))
        return
    console = Console(highlight=False, markup=False)
    console.print(table(run))
    for host in run.hosts:
        judgement = host.judgement
        for line in (judgement.reason, *host.since, *judgement.notes) if judgement else (host.error,):
            console.print(f"{host.host}: {line}")
    console.print(f"Report: {page}")


def table(run: Run) -> Table:
    """The hosts in the run's order."""
    result = new_table("host", "role", "verdict", "WAL p99", "commit p99", "disk", fold=["host", "disk"])
    for host in run.hosts:
        if host.result is None or (judgement := host.judgement) is None:
            result.add_row(host.host, host.role, "[red]failed[/]")
            continue
        verdict = judgement.verdict.value
        figures = (_p99(host.result, "sync"), _p99(host.result, "commit"), _disk(host.result["environment"]))
        result.add_row(host.host, host.role, f"[{COLOURS[verdict]}]{verdict}[/]", *figures)
    return result


def _p99(measurement: Measurement, series: str) -> str:
    """Returns the p99 of the worst phase, "" if no phase has the series."""
    phases = [phase for phase in etcd_phases(measurement) if series in phase]
    worst = max((percentile(counts(phase[series]["histogram"]), 99) for phase in phases), default=None)
    return "" if worst is None else f"{worst / 1e6:.1f} ms"


def _disk(environment: dict[str, Any]) -> str:
    journal = f", journal {environment['journal']}" if environment["journal"] else ""
    device = environment["disk"] or environment["mount"]["source"]
    return escape(f"{device} ({environment['filesystem']}{journal})")


def write(run: Run) -> Path:
    """Write the page and the picture beside the run's file. Returns the page's path; the picture's ends in .png."""
    # Imported here, because only a report needs the page's and the picture's libraries.
    from skerry.bench.figures import picture
    from skerry.bench.page import page

    path = history.folder(run.inventory) / f"{run.title}.html"
    replace(path, page(run))
    image = path.with_suffix(".png")
    temporary = image.with_name(f".{os.getpid()}.{image.name}")
    picture(run, temporary)
    temporary.replace(image)
    return path
