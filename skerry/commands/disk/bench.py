"""`invoke bench-disk`: measure hosts side by side, store their verdicts, and report."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from skerry.bench.compare import add
from skerry.bench.measurement import Measurement
from skerry.bench.profiles import measurement_plan, phases
from skerry.bench.run import HostRun, Run
from skerry.bench.verdict import Judgement, Verdict, disk_record
from skerry.commands.disk import history, report
from skerry.commands.disk.measure import MeasurementStopped, keep_record, measure
from skerry.commands.disk.progress import ProgressDisplay
from skerry.local.exit_codes import DONE, FAILED, INTERRUPTED, NOT_AS_WANTED
from skerry.model.errors import InputError
from skerry.model.k3s.paths import DATASTORE
from skerry.remote.inventory import Host, Inventory


@dataclass(frozen=True)
class Options:
    """The arguments of `invoke bench-disk`. `path`: "" for the datastore's folder; `hosts`: names, comma-separated.

    `minutes`: of a soak. `force`: measure although a datastore runs. `agents`: measure agents, too.
    """

    profile: str = "standard"
    path: str = ""
    hosts: str = ""
    minutes: float = 30
    parallel: int = 20
    fio: bool = True
    keep_fio: bool = False
    force: bool = False
    agents: bool = False


def bench_disk(inventory: Inventory, options: Options, as_json: bool) -> int:
    """Measure, write the report, and print the table or JSON. Returns the exit code."""
    run = bench(inventory, options)
    report.show(run, as_json, report.write(run))
    return exit_code(run)


def bench(inventory: Inventory, options: Options, show: bool = True) -> Run:
    """Measure the hosts, and store the verdicts there and the run here.

    Raises InputError for wrong options before any host is touched.
    """
    if options.parallel < 1:
        raise InputError(f"--parallel is {options.parallel}; it must be at least 1")
    if options.path and not options.path.startswith("/"):
        raise InputError(f"--path is {options.path!r}; write an absolute path on the hosts")
    hosts = chosen_hosts(inventory, options)
    chosen_phases = phases(options.profile, options.minutes, options.fio)
    plan = measurement_plan(options.path or DATASTORE, chosen_phases, options.force)
    past = history.runs(inventory.name)
    begun = time.time()
    with ProgressDisplay(hosts, plan, show) as display:
        measured = _measure_all(hosts, plan, options, display)
    with_changes = tuple(
        replace(host, since=history.since(host.host, host.result, options.profile, past))
        if host.result
        else host
        for host in measured
    )
    run = Run(inventory.name, options.profile, begun, with_changes).ranked()
    history.store(run)
    return run


def chosen_hosts(inventory: Inventory, options: Options) -> list[Host]:
    """Return the hosts named in `hosts`, else the servers, or with `agents` all. Raises InputError for unknown ones."""
    if not options.hosts:
        return [host for host in inventory.hosts if options.agents or host.role == "server"]
    names, hosts = options.hosts.split(","), {host.name: host for host in inventory.hosts}
    if unknown := [name for name in names if name not in hosts]:
        raise InputError(
            f"--hosts: {', '.join(unknown)} not in {inventory.path}; there are {', '.join(hosts)}"
        )
    return [hosts[name] for name in names]


def _measure_all(
    hosts: list[Host], plan: dict[str, Any], options: Options, display: ProgressDisplay
) -> list[HostRun]:
    """Measure the hosts in parallel. On Ctrl-C, wait until all have cleaned up, then exit with INTERRUPTED."""
    stop = threading.Event()
    with ThreadPoolExecutor(options.parallel) as pool:
        jobs = [pool.submit(_measure_host, host, plan, options, display, stop) for host in hosts]
        try:
            while wait(jobs, timeout=0.5).not_done:
                pass
        except KeyboardInterrupt:
            stop.set()
            display.log("stopping; the hosts are left as they were")
            wait(jobs)
            raise SystemExit(INTERRUPTED) from None
    return [job.result() for job in jobs]


def _measure_host(
    host: Host, plan: dict[str, Any], options: Options, display: ProgressDisplay, stop: threading.Event
) -> HostRun:
    """Measure a host, twice if the verdict is unclear, and store the verdict on it. A failure goes into `error`."""
    datastore = host.settings.k3s_datastore if host.role == "server" else ""
    run = HostRun(host.name, host.role, datastore, host.settings.disk_dedicated)
    progress = partial(display.update, host.name)
    try:
        if stop.is_set():
            raise MeasurementStopped
        measurement = measure(host, plan, progress, stop, options.keep_fio)
        run, judgement = _judged(run, measurement)
        if unclear := judgement.unclear:
            display.log(f"{host.name}: inconclusive, measuring on: {', '.join(sorted(unclear))}")
            again = {**plan, "phases": [phase for phase in plan["phases"] if phase["name"] in unclear]}
            measurement = add(measurement, measure(host, again, progress, stop, options.keep_fio))
            run, judgement = _judged(run, measurement)
        # A measurement in another folder says nothing about the datastore's disk.
        if not options.path:
            keep_record(host, disk_record(measurement, judgement, options.profile).file())
        display.end(host.name, judgement.verdict.value)
    except (InputError, RuntimeError, OSError, EOFError) as error:
        display.end(host.name, "failed")
        return replace(run, error=str(error).removeprefix(f"{host.name}: ") or type(error).__name__)
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        display.end(host.name, "failed")
        return replace(run, error=f"its output is not a measurement ({type(error).__name__}: {error})"[:300])
    except MeasurementStopped:
        return replace(run, error="stopped")
    return run


def _judged(run: HostRun, measurement: Measurement) -> tuple[HostRun, Judgement]:
    run = replace(run, result=measurement)
    judgement = run.judgement
    assert judgement is not None
    return run, judgement


def exit_code(run: Run) -> int:
    """DONE if every host passes, FAILED if one could not be measured, NOT_AS_WANTED if one does not pass."""
    if any(host.error for host in run.hosts):
        return FAILED
    passed = all(host.judgement and host.judgement.verdict is Verdict.PASS for host in run.hosts)
    return DONE if passed else NOT_AS_WANTED
