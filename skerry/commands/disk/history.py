"""Store, find and compare runs of bench-disk on this machine."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from skerry.bench.compare import compare, merge
from skerry.bench.measurement import Measurement
from skerry.bench.run import Run, load
from skerry.local.exit_codes import DONE, NOT_AS_WANTED
from skerry.local.files import replace
from skerry.local.paths import BENCH
from skerry.local.tables import new_table
from skerry.model.errors import InputError

PAST = 10  # a host's latest runs that a new one is compared with


def folder(inventory: str) -> Path:
    """The folder of an inventory's runs."""
    return BENCH / inventory


def store(run: Run) -> Path:
    """Write a run's file atomically. Returns its path."""
    path = folder(run.inventory) / f"{run.title}.json"
    replace(path, json.dumps(run.as_json()))
    return path


def runs(inventory: str) -> list[Run]:
    """All runs of an inventory that this version can read, oldest first."""
    readable = []
    for path in sorted(folder(inventory).glob("*.json")):
        with suppress(InputError):
            readable.append(load(path))
    return readable


def find(name: str) -> Run:
    """Load a run by its file, or by INVENTORY/TIME as `invoke bench-history` lists it. Raises InputError without it."""
    path = Path(name)
    return load(path if path.is_file() or path.suffix == ".json" else BENCH / f"{name}.json")


def since(name: str, now: Measurement, profile: str, past: list[Run]) -> list[str]:
    """Returns the clear changes of host `name` since its latest runs of the profile on the same file system, or []."""
    fsid = now["environment"]["fsid"]
    earlier = [
        host.result
        for run in past
        if run.profile == profile
        for host in run.hosts
        if host.host == name and host.result and host.result["environment"]["fsid"] == fsid
    ]
    return [str(change) for change in compare(merge(earlier[-PAST:]), now)] if earlier else []


def differences(before: Run, after: Run) -> dict[str, list[str]]:
    """Returns the clear changes of each host that both runs measured. Raises InputError if no host is in both."""
    earlier = {host.host: host.result for host in before.hosts if host.result}
    changes = {
        host.host: [str(change) for change in compare(earlier[host.host], host.result)]
        for host in after.hosts
        if host.result and host.host in earlier
    }
    if not changes:
        raise InputError("the two runs have no measured host in common")
    return changes


def show_differences(before: str, after: str, as_json: bool) -> int:
    """Print the changes between two runs. Returns NOT_AS_WANTED if something has become worse, else DONE."""
    changes = differences(find(before), find(after))
    if as_json:
        print(json.dumps(changes, indent=2))
    else:
        for host, lines in changes.items():
            print(f"{host}: {'; '.join(lines) or 'no clear difference'}")
    worse = any(line.startswith("worse") for lines in changes.values() for line in lines)
    return NOT_AS_WANTED if worse else DONE


def show(inventory: str, name: str) -> None:
    """Print the runs of host `name`, or of every host, oldest first. Raises InputError if there are none."""
    table = new_table("host", "run", "profile", "verdict", "why", fold=["host", "why"])
    rows = [
        (
            host.host,
            f"{inventory}/{run.title}",
            run.profile,
            judgement.verdict.value,
            escape(judgement.reason),
        )
        for run in runs(inventory)
        for host in run.hosts
        if name in ("", host.host) and (judgement := host.judgement)
    ]
    if not rows:
        raise InputError(f"there is no run of {name or inventory}; `invoke bench-disk` makes one")
    for row in sorted(rows):
        table.add_row(*row)
    Console(highlight=False).print(table)
    print(f"Next: invoke bench-compare {rows[0][1]} {rows[-1][1]}")
