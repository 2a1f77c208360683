"""How the hosts of one or more clusters are, one line each, worst first."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from skerry.bench.metrics import WAL, parse
from skerry.bench.record import LIMITS_MS
from skerry.commands.cluster import etcd_latency
from skerry.commands.hosts.drift import host_drift
from skerry.facts.etcd import Etcd
from skerry.facts.health import HostHealth
from skerry.facts.k3s import K3s, K3sState
from skerry.local.exit_codes import NOT_AS_WANTED
from skerry.model import disk
from skerry.model.errors import InputError
from skerry.model.k3s.etcd import EtcdReport, EtcdReports, member_problem
from skerry.model.k3s.health import problems
from skerry.model.k3s.paths import SNAPSHOTS, binary, unit
from skerry.model.quantity import parse_memory
from skerry.remote import ssh
from skerry.remote.inventory import Host, Inventory

PARALLEL = 20
FINE, LOOK, DEGRADED, DOWN = range(4)  # how bad a host is; LOOK: it works, and a person should look at it
COLUMNS = {
    "cluster": "cluster", "host": "host", "role": "role", "state": "state", "k3s": "k3s", "etcd": "etcd",
    "fsync": "WAL fsync", "room": "for pods", "certificates": "certificates", "snapshot": "snapshot", "disk": "disk",
    "reboot": "reboot", "drift": "drift",
}  # fmt: skip
SPARED_FIRST = ("room", "certificates", "disk", "fsync", "snapshot", "k3s", "drift", "reboot", "etcd")
STATE_WIDTH = 50  # characters: a longer state is folded rather than that a column is left out
UNBOUNDED = 1000  # characters, where nobody's terminal bounds a line


@dataclass(frozen=True)
class HostStatus:
    """One host. `problems`: what needs a person, worst first; `severity`: how bad the worst one is, FINE to DOWN."""

    cluster: str
    host: str
    role: str
    problems: tuple[str, ...] = ()
    severity: int = FINE
    k3s: str = ""
    cpu: str = ""
    memory: str = ""
    etcd: str = ""
    fsync: str = ""
    certificates: str = ""
    snapshot: str = ""
    disk: str = ""
    reboot: str = ""
    drift: str = ""

    @property
    def fine(self) -> bool:
        return not self.problems

    @property
    def room(self) -> str:
        """What pods may take of the node."""
        return f"{self.cpu} cpu, {self.memory}" if self.cpu else ""

    @property
    def state(self) -> str:
        """The worst problem in a line, and how many there are besides."""
        more = f" (+{len(self.problems) - 1})" if len(self.problems) > 1 else ""
        return f"{self.problems[0]}{more}" if self.problems else "Ready"

    def having(self, severity: int, *found: str) -> HostStatus:
        """The same with further problems, all as bad as `severity`."""
        if not found:
            return self
        worse = severity > self.severity
        both = (*found, *self.problems) if worse else (*self.problems, *found)
        return replace(self, problems=both, severity=max(severity, self.severity))


def status(inventories: Sequence[Inventory], compare: bool = True) -> list[HostStatus]:
    """Every host's status, the worst first. `compare`: whether the hosts are also held against their inventory."""
    with ThreadPoolExecutor(len(inventories)) as pool:
        found = pool.map(lambda inventory: _cluster(inventory, compare), inventories)
        return sorted(
            (each for some in found for each in some),
            key=lambda each: (-each.severity, each.cluster, each.host),
        )


def _cluster(inventory: Inventory, compare: bool) -> list[HostStatus]:
    with ThreadPoolExecutor(PARALLEL) as pool:
        comparing = pool.submit(_drift, inventory) if compare else None
        found = list(pool.map(lambda host: _status(inventory, host), inventory.hosts))
        drift = comparing.result() if comparing else {}
    reports = {status.host: report for status, report in found if status.role == "server"}
    return [_with_drift(_with_etcd(status, reports), drift) for status, _ in found]


def _drift(inventory: Inventory) -> dict[str, list[str]] | None:
    """What would be changed, by host; None where that cannot be told, because a host is away or refused."""
    with suppress(InputError, RuntimeError):
        return host_drift(inventory, "deploy/k3s.py")
    return None


def _with_drift(status: HostStatus, drift: Mapping[str, list[str]] | None) -> HostStatus:
    if drift is None:
        return replace(status, drift="unknown")
    operations = drift.get(status.host, [])
    found = [f"{len(operations)} operation(s) would change it; see `invoke drift`"] if operations else []
    return replace(status.having(LOOK, *found), drift=str(len(operations)) if status.host in drift else "")


def _with_etcd(status: HostStatus, reports: EtcdReports) -> HostStatus:
    """What a server's member of etcd is, and what it lacks."""
    report = reports.get(status.host)
    if report is None:
        return status
    role = "leader" if report.leader else "learner" if report.member and report.member.learner else "voter"
    etcd = f"{role} of {len(report.members)}" if report.healthy else "not healthy"
    why = member_problem(status.host, reports)
    return replace(status.having(DEGRADED, *([why] if why else [])), etcd=etcd)


def _status(inventory: Inventory, host: Host) -> tuple[HostStatus, EtcdReport | None]:
    report, blank = None, HostStatus(inventory.name, host.name, host.role)
    fact, path = K3s(), binary(host.settings.k3s_version)
    try:
        with ssh.connect(host) as connection:
            output = ssh.run(connection, host, fact.command(unit(host.role), path, "", host.role, []))
            if host.role == "server":
                report = Etcd().process(ssh.run(connection, host, Etcd().command()).splitlines())
            looked = ssh.run(connection, host, HostHealth().command(_snapshots(host)))
            record = disk.DiskRecord.parse(ssh.run(connection, host, etcd_latency.RECORD))
    except (InputError, RuntimeError) as error:
        return blank.having(DOWN, str(error).removeprefix(f"{host.name}: ")), None
    state, health = fact.process(output.splitlines()), HostHealth().process(looked.splitlines())
    found = blank.having(*_of_k3s(host, state)).having(
        LOOK, *problems(health, host.settings, host.role, _since(state, health.now))
    )
    k3s, cpu, memory = _figures(state)
    fsync, slow = _fsync(health.metrics, record)
    days, hours = health.certificate_days, health.snapshot_hours
    whole = replace(
        found.having(LOOK, *slow),
        k3s=k3s,
        cpu=cpu,
        memory=memory,
        fsync=fsync,
        certificates="" if days is None else f"{days} d",
        snapshot="" if hours is None else f"{hours} h",
        disk=f"{health.free_bytes / 2**30:.0f} GiB free",
        reboot="pending" if health.reboot else "",
    )
    return whole, report


def _snapshots(host: Host) -> str:
    """The folder of a server's snapshots."""
    return str(host.settings.k3s_config_extra.get("etcd-snapshot-dir", SNAPSHOTS))


def _since(state: K3sState, now: int) -> int:
    """When the node came to be, in seconds since 1970; now, while there is none."""
    created = state.node.get("metadata", {}).get("creationTimestamp", "")
    return int(datetime.fromisoformat(created.replace("Z", "+00:00")).timestamp()) if created else now


def _of_k3s(host: Host, state: K3sState) -> tuple[Any, ...]:
    """How bad K3s's own state is, and why: nothing more when it is fine."""
    if not state.binary and "k3s" not in state.links:
        return DOWN, "K3s is not installed"
    if state.active != "active":
        return DOWN, f"{unit(host.role)} is {state.active}"
    if not state.ready:
        return DEGRADED, "the node is not Ready"
    found = []
    if state.node["spec"].get("unschedulable"):
        found.append("takes no new pods (cordoned)")
    version, wanted = state.node["status"]["nodeInfo"]["kubeletVersion"], host.settings.k3s_version
    if version != wanted:
        found.append(f"runs {version}, the inventory says {wanted}")
    return LOOK, *found


def _fsync(metrics: str, record: disk.DiskRecord | None) -> tuple[str, list[str]]:
    """What etcd has seen of its disk beside what was predicted, and the problem when it is too slow."""
    metric, series, below, above = etcd_latency.SERIES["WAL fsync"]
    try:
        found = parse(metrics, [WAL])[metric]
    except InputError:
        return "", []
    if not found.count:
        return "", []
    expected = record.predicted.get(series, []) if record else []
    at = LIMITS_MS.index(below)
    foretold = f", predicted {100 * expected[at]:.2g} %" if expected else ""
    state = etcd_latency.state(found, below, above)
    slow = [f"etcd's WAL fsync p99 is over {above} ms; see `invoke etcd-latency`"] if state == "slow" else []
    return f"{100 * found.share_over(below / 1000):.2g} % > {below} ms{foretold}", slow


def _figures(state: K3sState) -> tuple[str, str, str]:
    found = state.node.get("status", {})
    if not found:
        return "", "", ""
    free, whole = found["allocatable"], found["capacity"]
    gib = [f"{parse_memory(each['memory']) / 2**30:.1f}" for each in (free, whole)]
    return found["nodeInfo"]["kubeletVersion"], f"{free['cpu']} of {whole['cpu']}", f"{' of '.join(gib)} GiB"


def table(statuses: list[HostStatus], width: int = UNBOUNDED) -> Table:
    """The statuses for people, a line each in `width` characters: what does not fit is left out, and that is said.

    So is a column that nobody fills, and the cluster's where there is one alone.
    """
    rows = [{name: str(getattr(each, name)) for name in COLUMNS} for each in statuses]
    clusters = {each.cluster for each in statuses}
    shown = [
        name
        for name in COLUMNS
        if any(row[name] for row in rows) and (name != "cluster" or len(clusters) > 1)
    ]
    widths = {
        name: max(len(text) for text in (COLUMNS[name], *(row[name] for row in rows))) for name in shown
    }
    widths["state"] = min(widths["state"], STATE_WIDTH)
    spared = []
    for name in SPARED_FIRST:
        if name in shown and sum(widths[each] + 3 for each in shown) + 1 > width:
            shown.remove(name)
            spared.append(COLUMNS[name])
    result = Table(caption=f"left out in {width} columns: {', '.join(spared)}" if spared else None)
    for name in shown:
        result.add_column(COLUMNS[name], no_wrap=name != "state", overflow="fold")
    for each, row in zip(statuses, rows, strict=True):
        colour = {FINE: "green", LOOK: "yellow"}.get(each.severity, "red")
        cells = {name: escape(text) for name, text in row.items()}
        cells["state"] = f"[{colour}]{cells['state']}[/]"
        result.add_row(*(cells[name] for name in shown))
    return result


def show(
    inventories: Sequence[Inventory], as_json: bool, watching: bool, seconds: float, compare: bool
) -> int:
    """Print the statuses, once or again and again. Returns 3 when a host needs a person, else 0."""
    if watching and as_json:
        raise InputError("--watch is for people, --json for machines; leave one out")
    if watching:
        return watch(lambda first: status(inventories, compare and first), max(seconds, 1.0))
    found = status(inventories, compare)
    if as_json:
        print(json.dumps([asdict(each) for each in found], indent=2))
    else:
        console = Console(highlight=False, width=None if sys.stdout.isatty() else UNBOUNDED)
        console.print(table(found, console.width))
    return exit_code(found)


def exit_code(statuses: list[HostStatus]) -> int:
    """3 when one needs a person, else 0."""
    return 0 if all(each.fine for each in statuses) else NOT_AS_WANTED


def watch(look: Callable[[bool], list[HostStatus]], seconds: float) -> int:
    """Show the statuses again and again until Ctrl-C. Returns the exit code of the last look.

    `look(compare)`: the statuses; they are held against the inventory the first time alone, which takes longest.
    """
    found = look(True)
    drift = {(each.cluster, each.host): each.drift for each in found}
    with suppress(KeyboardInterrupt), Live(auto_refresh=False) as live:
        while True:
            live.update(table(found, live.console.width), refresh=True)
            time.sleep(seconds)
            found = [replace(each, drift=drift.get((each.cluster, each.host), "")) for each in look(False)]
    return exit_code(found)
