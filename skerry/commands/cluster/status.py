"""`invoke status`: the state of the hosts of one or more clusters, worst first."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace

from rich.console import Console
from rich.live import Live

from skerry.commands.cluster.host_status import DEGRADED, LOOK, HostStatus, read
from skerry.commands.cluster.status_table import UNBOUNDED, table
from skerry.commands.hosts.drift import host_drift
from skerry.local.exit_codes import DONE, NOT_AS_WANTED
from skerry.model.errors import InputError
from skerry.model.k3s.etcd import EtcdReports, member_problem
from skerry.remote.inventory import Inventory

CONCURRENCY = 20


def status(inventories: Sequence[Inventory], compare: bool = True) -> list[HostStatus]:
    """Read every host's status, worst first. `compare`: count the operations that `up` would run on each host, too."""
    with ThreadPoolExecutor(len(inventories)) as pool:
        clusters = pool.map(lambda inventory: _cluster(inventory, compare), inventories)
        statuses = [status for cluster in clusters for status in cluster]
    return sorted(statuses, key=lambda status: (-status.severity, status.cluster, status.host))


def _cluster(inventory: Inventory, compare: bool) -> list[HostStatus]:
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        comparison = pool.submit(_drift, inventory) if compare else None
        hosts = list(pool.map(lambda host: read(inventory.name, host), inventory.hosts))
        drift = comparison.result() if comparison else {}
    reports = {status.host: report for status, report in hosts if status.role == "server"}
    return [_with_drift(_with_etcd(status, reports), drift) for status, _ in hosts]


def _drift(inventory: Inventory) -> dict[str, list[str]] | None:
    """Returns the operations that a deploy would run, by host; None if the comparison fails."""
    with suppress(InputError, RuntimeError):
        return host_drift(inventory, "deploy/k3s.py")
    return None


def _with_drift(status: HostStatus, drift: Mapping[str, list[str]] | None) -> HostStatus:
    if drift is None:
        return replace(status, drift="unknown")
    operations = drift.get(status.host, [])
    problem = [f"{len(operations)} operation(s) would change it; see `invoke drift`"] if operations else []
    return replace(status.having(LOOK, *problem), drift=str(len(operations)) if status.host in drift else "")


def _with_etcd(status: HostStatus, reports: EtcdReports) -> HostStatus:
    """Add a server's role in etcd and the problem of its member. Without a report the status is unchanged."""
    report = reports.get(status.host)
    if report is None:
        return status
    role = "leader" if report.leader else "learner" if report.member and report.member.learner else "voter"
    etcd = f"{role} of {len(report.members)}" if report.healthy else "not healthy"
    problem = member_problem(status.host, reports)
    return replace(status.having(DEGRADED, *([problem] if problem else [])), etcd=etcd)


def show(
    inventories: Sequence[Inventory], as_json: bool, watching: bool, seconds: float, compare: bool
) -> int:
    """Print the statuses once, or repeatedly if `watching`. Returns 3 if a host needs attention, else 0.

    Raises InputError for `watching` with `as_json`.
    """
    if watching and as_json:
        raise InputError("--watch is for people, --json for programs; leave one out")
    if watching:
        return watch(lambda first: status(inventories, compare and first), max(seconds, 1.0))
    statuses = status(inventories, compare)
    if as_json:
        print(json.dumps([asdict(status) for status in statuses], indent=2))
    else:
        console = Console(highlight=False, width=None if sys.stdout.isatty() else UNBOUNDED)
        console.print(table(statuses, console.width))
    return exit_code(statuses)


def exit_code(statuses: list[HostStatus]) -> int:
    """Returns 3 if a host needs attention, else 0."""
    return DONE if all(status.fine for status in statuses) else NOT_AS_WANTED


def watch(look: Callable[[bool], list[HostStatus]], seconds: float) -> int:
    """Show the statuses repeatedly until Ctrl-C. Returns the exit code of the last look.

    `look(compare)` returns the statuses. Only the first call compares hosts with the inventory, because that is slow.
    """
    statuses = look(True)
    drift = {(status.cluster, status.host): status.drift for status in statuses}
    with suppress(KeyboardInterrupt), Live(auto_refresh=False) as live:
        while True:
            live.update(table(statuses, live.console.width), refresh=True)
            time.sleep(seconds)
            statuses = [
                replace(status, drift=drift.get((status.cluster, status.host), "")) for status in look(False)
            ]
    return exit_code(statuses)
