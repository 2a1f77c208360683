"""`invoke bench-disk`: hosts measured side by side, their verdicts in a table, a report, a history."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from skerry.bench.histogram import counts, percentile
from skerry.bench.merging import add
from skerry.bench.profiles import phases, plan
from skerry.bench.record import describe
from skerry.bench.run import HostRun, Run
from skerry.bench.verdict import Judgement, Result, Verdict, loads
from skerry.commands.disk import history
from skerry.commands.disk.measure import Stopped, keep_record, measure
from skerry.commands.disk.report import write
from skerry.local.exit_codes import INTERRUPTED
from skerry.local.tables import new_table
from skerry.model.errors import InputError
from skerry.model.k3s.paths import DATASTORE
from skerry.remote.inventory import Host, Inventory

COLOURS = {"PASS": "green", "INCONCLUSIVE": "yellow", "CPU-BOUND": "yellow", "SUSPECT": "red", "FAIL": "red"}


@dataclass(frozen=True)
class Options:
    """What to measure and how."""

    profile: str = "standard"
    path: str = ""
    hosts: str = ""
    minutes: float = 30
    parallel: int = 20
    fio: bool = True
    keep_fio: bool = False
    force: bool = False
    agents: bool = False


def chosen(inventory: Inventory, options: Options) -> list[Host]:
    """The hosts to measure: the servers, with `agents` all, or those named. Raises InputError for an unknown one."""
    if not options.hosts:
        return [host for host in inventory.hosts if options.agents or host.role == "server"]
    named, known = options.hosts.split(","), {host.name: host for host in inventory.hosts}
    if unknown := [name for name in named if name not in known]:
        raise InputError(
            f"--hosts: {', '.join(unknown)} not in {inventory.path}; there are {', '.join(known)}"
        )
    return [known[name] for name in named]


def bench(inventory: Inventory, options: Options, show: bool = True) -> Run:
    """Measure the hosts, keep verdicts on them and the run here. Raises InputError before any host is touched."""
    if options.parallel < 1:
        raise InputError(f"--parallel is {options.parallel}; it must be at least 1")
    if options.path and not options.path.startswith("/"):
        raise InputError(f"--path is {options.path!r}; write an absolute path on the hosts")
    hosts = chosen(inventory, options)
    wanted = plan(
        options.path or DATASTORE, phases(options.profile, options.minutes, options.fio), options.force
    )
    past = history.runs(inventory.name)
    begun = time.time()
    with Board(hosts, wanted, show) as board:
        measured = _all(hosts, wanted, options, board)
    done = tuple(
        replace(each, since=history.since(each.host, each.result, options.profile, past))
        if each.result
        else each
        for each in measured
    )
    run = Run(inventory.name, options.profile, begun, done).ranked()
    history.store(run)
    return run


def _all(hosts: list[Host], wanted: dict[str, Any], options: Options, board: Board) -> list[HostRun]:
    """Every host's measurement, so many at a time. Ctrl-C stops them all, and leaves nothing on the hosts."""
    stop = threading.Event()
    with ThreadPoolExecutor(options.parallel) as pool:
        jobs = [pool.submit(_one, host, wanted, options, board, stop) for host in hosts]
        try:
            while wait(jobs, timeout=0.5).not_done:
                pass
        except KeyboardInterrupt:
            stop.set()
            board.say("stopping; the hosts are left as they were")
            wait(jobs)
            raise SystemExit(INTERRUPTED) from None
    return [job.result() for job in jobs]


def _one(
    host: Host, wanted: dict[str, Any], options: Options, board: Board, stop: threading.Event
) -> HostRun:
    settings = host.settings
    datastore = settings.k3s_datastore if host.role == "server" else ""
    run = HostRun(host.name, host.role, datastore, settings.disk_dedicated)
    try:
        if stop.is_set():
            raise Stopped
        progress = partial(board.update, host.name)
        result = measure(host, wanted, progress, stop, options.keep_fio)
        run, judgement = _judged(run, result)
        if unclear := judgement.unclear:
            board.say(f"{host.name}: inconclusive, measuring on: {', '.join(sorted(unclear))}")
            again = {**wanted, "phases": [phase for phase in wanted["phases"] if phase["name"] in unclear]}
            result = add(result, measure(host, again, progress, stop, options.keep_fio))
            run, judgement = _judged(run, result)
        if not options.path:  # elsewhere than the datastore's place is no verdict on that
            keep_record(host, describe(result, judgement, options.profile).file())
        board.end(host.name, judgement.verdict.value)
    except (InputError, RuntimeError, OSError, EOFError) as error:
        why = str(error).removeprefix(f"{host.name}: ") or type(error).__name__
        board.end(host.name, "failed")
        return replace(run, error=why)
    except Stopped:
        return replace(run, error="stopped")
    return run


def _judged(run: HostRun, result: Result) -> tuple[HostRun, Judgement]:
    run = replace(run, result=result)
    judgement = run.judgement
    assert judgement is not None
    return run, judgement


class Board:
    """Live progress, one line for each host; without a terminal one line for each host and phase."""

    def __init__(self, hosts: list[Host], wanted: dict[str, Any], show: bool) -> None:
        self._console = Console(stderr=True, highlight=False, quiet=not show)
        self._total = sum(phase["seconds"] for phase in wanted["phases"])
        self._progress = Progress(
            TextColumn("{task.fields[host]}"), BarColumn(20), TextColumn("{task.description}"),
            console=self._console, disable=not self._console.is_terminal,
        )  # fmt: skip
        self._tasks: dict[str, TaskID] = {
            host.name: self._progress.add_task("waiting", total=self._total, host=host.name) for host in hosts
        }
        self._phases: dict[str, str] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Board:
        self._stack.enter_context(self._progress)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def update(self, host: str, line: dict[str, Any]) -> None:
        """Show a line of the engine's."""
        if "note" in line:
            self.say(f"{host}: {line['note']}")
            return
        if self._phases.get(host) != line["phase"]:
            self._phases[host] = line["phase"]
            if not self._console.is_terminal:
                self.say(f"{host}: {line['phase']}")
        slow = f": {line['slow_syncs']} of {line['syncs']} syncs over 10 ms" if "syncs" in line else ""
        self._progress.update(
            self._tasks[host], completed=line["seconds"], description=f"{line['phase']}{slow}"
        )

    def end(self, host: str, word: str) -> None:
        colour = COLOURS.get(word, "red")
        self._progress.update(self._tasks[host], completed=self._total, description=f"[{colour}]{word}[/]")

    def say(self, text: str) -> None:
        self._console.print(text)


def bench_disk(inventory: Inventory, options: Options, as_json: bool) -> int:
    """Measure, write the report, and print the table or JSON. Returns the exit code."""
    run = bench(inventory, options)
    show(run, as_json, write(run))
    return exit_code(run)


def exit_code(run: Run) -> int:
    """0 when every host passes; 1 when one could not be measured; 3 when one does not pass."""
    if any(each.error for each in run.hosts):
        return 1
    return 0 if all(each.judgement and each.judgement.verdict is Verdict.PASS for each in run.hosts) else 3


def table(run: Run) -> Table:
    """The hosts, worst first."""
    result = new_table("host", "role", "verdict", "WAL p99", "commit p99", "disk", fold=["host", "disk"])
    for each in run.hosts:
        if each.result is None or (judgement := each.judgement) is None:
            result.add_row(each.host, each.role, "[red]failed[/]")
            continue
        verdict = judgement.verdict.value
        cells = (_p99(each, "sync"), _p99(each, "commit"), _disk(each.result["environment"]))
        result.add_row(each.host, each.role, f"[{COLOURS[verdict]}]{verdict}[/]", *cells)
    return result


def _p99(host: HostRun, series: str) -> str:
    """The worst phase's, in ms."""
    assert host.result is not None
    found = [
        percentile(counts(phase[series]["histogram"]), 99) for phase in loads(host.result) if series in phase
    ]
    return f"{max(found) / 1e6:.1f} ms" if found else ""


def _disk(found: dict[str, Any]) -> str:
    journal = f", journal {found['journal']}" if found["journal"] else ""
    return f"{found['disk'] or found['mount']['source']} ({found['filesystem']}{journal})"


def show(run: Run, as_json: bool, report: Path) -> None:
    """The table for people, or JSON for machines, on standard output."""
    if as_json:
        print(json.dumps(run.as_json()))
        return
    console = Console(highlight=False)
    console.print(table(run))
    for each in run.hosts:
        judgement = each.judgement
        for line in (judgement.reason, *each.since, *judgement.notes) if judgement else (each.error,):
            console.print(f"{each.host}: {line}")
    console.print(f"Report: {report}")
