"""`invoke status`: the state of the hosts of one or more clusters, worst first."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime

from rich.console import Console
from rich.live import Live

from skerry.bench.metrics import WAL, parse
from skerry.commands.cluster import etcd_latency
from skerry.commands.cluster.etcd_latency import percent
from skerry.commands.cluster.host_status import DEGRADED, DOWN, LOOK, HostStatus
from skerry.commands.cluster.status_table import UNBOUNDED, table
from skerry.commands.hosts.drift import host_drift
from skerry.facts.etcd import Etcd
from skerry.facts.health import HostHealth
from skerry.facts.k3s import K3s, K3sState
from skerry.local.exit_codes import DONE, NOT_AS_WANTED
from skerry.model import disk
from skerry.model.errors import InputError
from skerry.model.k3s.etcd import EtcdReport, EtcdReports, member_problem
from skerry.model.k3s.health import problems
from skerry.model.k3s.paths import SNAPSHOTS, binary, unit
from skerry.model.quantity import parse_memory
from skerry.remote import ssh
from skerry.remote.inventory import Host, Inventory

CONCURRENCY = 20


def status(inventories: Sequence[Inventory], compare: bool = True) -> list[HostStatus]:
    """Every host's status, worst first. With `compare`, each also has the number of operations that `up` would run."""
    with ThreadPoolExecutor(len(inventories)) as pool:
        clusters = pool.map(lambda inventory: _cluster(inventory, compare), inventories)
        statuses = [status for cluster in clusters for status in cluster]
    return sorted(statuses, key=lambda status: (-status.severity, status.cluster, status.host))


def _cluster(inventory: Inventory, compare: bool) -> list[HostStatus]:
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        comparison = pool.submit(_drift, inventory) if compare else None
        hosts = list(pool.map(lambda host: _host(inventory, host), inventory.hosts))
        drift = comparison.result() if comparison else {}
    reports = {status.host: report for status, report in hosts if status.role == "server"}
    return [_with_drift(_with_etcd(status, reports), drift) for status, _ in hosts]


def _drift(inventory: Inventory) -> dict[str, list[str]] | None:
    """The operations that a deploy would run, by host; None if a host cannot be reached or preflight refuses it."""
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
    """Add a server's role in etcd, and the problem of its member."""
    report = reports.get(status.host)
    if report is None:
        return status
    role = "leader" if report.leader else "learner" if report.member and report.member.learner else "voter"
    etcd = f"{role} of {len(report.members)}" if report.healthy else "not healthy"
    problem = member_problem(status.host, reports)
    return replace(status.having(DEGRADED, *([problem] if problem else [])), etcd=etcd)


def _host(inventory: Inventory, host: Host) -> tuple[HostStatus, EtcdReport | None]:
    """One host's status, and a server's report on etcd."""
    report, blank = None, HostStatus(inventory.name, host.name, host.role)
    fact, path = K3s(), binary(host.settings.k3s_version)
    snapshots = str(host.settings.k3s_config_extra.get("etcd-snapshot-dir", SNAPSHOTS))
    try:
        with ssh.connect(host) as connection:
            k3s_output = ssh.run(connection, host, fact.command(unit(host.role), path, "", host.role, []))
            if host.role == "server":
                report = Etcd().process(ssh.run(connection, host, Etcd().command()).splitlines())
            health_output = ssh.run(connection, host, HostHealth().command(snapshots))
            record = disk.DiskRecord.parse(ssh.run(connection, host, etcd_latency.READ_DISK_RECORD))
    except (InputError, RuntimeError) as error:
        return blank.having(DOWN, str(error).removeprefix(f"{host.name}: ")), None
    state, health = fact.process(k3s_output.splitlines()), HostHealth().process(health_output.splitlines())
    severity, k3s_problems = _k3s_problems(host, state)
    host_problems = problems(health, host.settings, host.role, _created(state, health.now))
    fsync, slow = _fsync(health.metrics, record)
    status = blank.having(severity, *k3s_problems).having(LOOK, *host_problems).having(LOOK, *slow)
    k3s, cpu, memory = _node_figures(state)
    days, hours = health.certificate_days, health.snapshot_hours
    figures = replace(
        status,
        k3s=k3s,
        cpu=cpu,
        memory=memory,
        fsync=fsync,
        certificates="" if days is None else f"{days} d",
        snapshot="" if hours is None else f"{hours} h",
        disk=f"{health.free_bytes / 2**30:.0f} GiB free",
        reboot="pending" if health.reboot else "",
    )
    return figures, report


def _created(state: K3sState, now: int) -> int:
    """The creation time of the Node object in seconds since 1970; `now` if there is none."""
    created = state.node.get("metadata", {}).get("creationTimestamp", "")
    return int(datetime.fromisoformat(created.replace("Z", "+00:00")).timestamp()) if created else now


def _k3s_problems(host: Host, state: K3sState) -> tuple[int, list[str]]:
    """The problems of K3s on the host, and their severity."""
    if not state.binary and "k3s" not in state.links:
        return DOWN, ["K3s is not installed"]
    if state.active != "active":
        return DOWN, [f"{unit(host.role)} is {state.active}"]
    if not state.ready:
        return DEGRADED, ["the node is not Ready"]
    version, expected = state.node["status"]["nodeInfo"]["kubeletVersion"], host.settings.k3s_version
    reasons = ["takes no new pods (cordoned)"] if state.node["spec"].get("unschedulable") else []
    if version != expected:
        reasons.append(f"runs {version}, the inventory says {expected}")
    return LOOK, reasons


def _fsync(metrics: str, record: disk.DiskRecord | None) -> tuple[str, list[str]]:
    """etcd's share of slow WAL fsyncs beside the predicted one, and the problem if p99 is too slow."""
    metric, series, below, above = etcd_latency.SERIES["WAL fsync"]
    try:
        histogram = parse(metrics, [WAL])[metric]
    except InputError:
        return "", []
    if not histogram.count:
        return "", []
    predicted = record.predicted.get(series, []) if record else []
    prediction = (
        f", predicted {percent(predicted[disk.PREDICTED_LIMITS_MS.index(below)])} %" if predicted else ""
    )
    is_slow = etcd_latency.state(histogram, below, above) == "slow"
    problem = [f"etcd's WAL fsync p99 is over {above} ms; see `invoke etcd-latency`"] if is_slow else []
    return f"{percent(histogram.share_over(below / 1000))} % > {below} ms{prediction}", problem


def _node_figures(state: K3sState) -> tuple[str, str, str]:
    """The node's K3s version, and its CPUs and memory for pods; "" without a Node object."""
    node = state.node.get("status", {})
    if not node:
        return "", "", ""
    allocatable, capacity = node["allocatable"], node["capacity"]
    free, total = (parse_memory(resources["memory"]) / 2**30 for resources in (allocatable, capacity))
    cpu, memory = f"{allocatable['cpu']} of {capacity['cpu']}", f"{free:.1f} of {total:.1f} GiB"
    return node["nodeInfo"]["kubeletVersion"], cpu, memory


def show(
    inventories: Sequence[Inventory], as_json: bool, watching: bool, seconds: float, compare: bool
) -> int:
    """Print the statuses once, or repeatedly with `watching`. Returns 3 if a host needs attention, else 0."""
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
    """3 if a host needs attention, else 0."""
    return DONE if all(status.fine for status in statuses) else NOT_AS_WANTED


def watch(look: Callable[[bool], list[HostStatus]], seconds: float) -> int:
    """Show the statuses repeatedly until Ctrl-C. Returns the exit code of the last look.

    `look(compare)` returns the statuses. They are compared with the inventory only once, because that takes longest.
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
