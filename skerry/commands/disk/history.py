"""The runs of bench-disk on this machine: kept, found again, and set against each other."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from skerry.bench.compare import compare
from skerry.bench.merging import merge
from skerry.bench.run import HostRun, Run, load
from skerry.bench.verdict import Result
from skerry.local.files import replace
from skerry.local.paths import SKERRY
from skerry.local.tables import new_table
from skerry.model.errors import InputError

PAST = 10  # runs of a host that count as its past


def folder(inventory: str) -> Path:
    """Where an inventory's runs are kept."""
    return SKERRY / "bench" / inventory


def store(run: Run) -> Path:
    """Keep a run, in one rename. Returns its file."""
    path = folder(run.inventory) / f"{run.title}.json"
    replace(path, json.dumps(run.as_json()))
    return path


def runs(inventory: str) -> list[Run]:
    """All runs of an inventory that this version can read, oldest first."""
    found = []
    for path in sorted(folder(inventory).glob("*.json")):
        with suppress(InputError):
            found.append(load(path))
    return found


def find(name: str) -> Run:
    """A run by its file, or by INVENTORY/TIME as `invoke bench-history` lists it. Raises InputError."""
    path = Path(name)
    return load(path if path.is_file() or path.suffix == ".json" else SKERRY / "bench" / f"{name}.json")


def since(host: str, now: Result, profile: str, past: list[Run]) -> list[str]:
    """What has clearly changed on a host since its last runs of the same profile on the same file system."""
    earlier = [
        each.result
        for run in past
        if run.profile == profile
        for each in run.hosts
        if each.host == host and each.result and _same_place(each.result, now)
    ]
    return [str(change) for change in compare(merge(earlier[-PAST:]), now)] if earlier else []


def _same_place(one: Result, other: Result) -> bool:
    return bool(one["environment"]["fsid"] == other["environment"]["fsid"])


def differences(before: Run, after: Run) -> dict[str, list[str]]:
    """What has changed on each host that both runs measured. Raises InputError when there is none."""
    earlier: dict[str, HostRun] = {each.host: each for each in before.hosts if each.result}
    found = {
        each.host: [str(change) for change in compare(old, each.result)]
        for each in after.hosts
        if each.result and each.host in earlier and (old := earlier[each.host].result)
    }
    if not found:
        raise InputError("the two runs have no measured host in common")
    return found


def show_differences(before: str, after: str, as_json: bool) -> int:
    """Print what has changed. Returns 3 when something has become worse, else 0."""
    found = differences(find(before), find(after))
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        for host, changes in found.items():
            print(f"{host}: {'; '.join(changes) or 'no clear difference'}")
    return 3 if any(change.startswith("worse") for changes in found.values() for change in changes) else 0


def show(inventory: str, host: str) -> None:
    """Print the runs of every host, or of one, oldest first. Raises InputError when there are none."""
    table = new_table("host", "run", "profile", "verdict", "why", fold=["host", "why"])
    lines = [
        (each.host, f"{inventory}/{run.title}", run.profile, judgement.verdict.value, judgement.reason)
        for run in runs(inventory)
        for each in run.hosts
        if host in ("", each.host) and (judgement := each.judgement)
    ]
    if not lines:
        raise InputError(f"no run of {host or inventory} is kept; `invoke bench-disk` makes one")
    for line in sorted(lines):
        table.add_row(*line)
    Console(highlight=False).print(table)
    print(f"Next: invoke bench-compare {lines[0][1]} {lines[-1][1]}")
