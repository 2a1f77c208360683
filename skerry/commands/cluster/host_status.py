"""Read the status of one host: its figures, and its problems by severity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from skerry.bench.metrics import WAL, parse
from skerry.commands.cluster import etcd_latency
from skerry.commands.cluster.etcd_latency import percent
from skerry.facts.etcd import Etcd
from skerry.facts.health import HostHealth
from skerry.facts.k3s import K3s, K3sState
from skerry.model import disk
from skerry.model.errors import InputError
from skerry.model.k3s.etcd import EtcdReport
from skerry.model.k3s.health import Health, problems
from skerry.model.k3s.paths import SNAPSHOTS, binary, unit
from skerry.model.quantity import parse_memory
from skerry.remote import ssh
from skerry.remote.inventory import Host

FINE, LOOK, DEGRADED, DOWN = range(4)
"""Severities. LOOK: the host works, and an operator should look at it."""


@dataclass(frozen=True)
class HostStatus:
    """One host. `problems`: what needs attention, worst first; `severity`: that of the worst, FINE to DOWN.

    The other fields are cells of the table, "" if unknown. `drift`: how many operations a deploy would run.
    """

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
        """The part of the node that pods may use: "3500m of 4 cpu, 6.9 of 7.8 GiB"; "" without a Node object."""
        return f"{self.cpu} cpu, {self.memory}" if self.cpu else ""

    @property
    def state(self) -> str:
        """The worst problem and the number of further ones, in one line; "Ready" without problems."""
        more = f" (+{len(self.problems) - 1})" if len(self.problems) > 1 else ""
        return f"{self.problems[0]}{more}" if self.problems else "Ready"

    def having(self, severity: int, *problems: str) -> HostStatus:
        """Return this status with further problems, all of the same severity."""
        if not problems:
            return self
        worse = severity > self.severity
        both = (*problems, *self.problems) if worse else (*self.problems, *problems)
        return replace(self, problems=both, severity=max(severity, self.severity))


def read(cluster: str, host: Host) -> tuple[HostStatus, EtcdReport | None]:
    """Read a host's status over SSH, and etcd's report if it is a server. A host that cannot be read is DOWN."""
    report, blank = None, HostStatus(cluster, host.name, host.role)
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
    return _with_figures(replace(status, fsync=fsync), state, health), report


def _with_figures(status: HostStatus, state: K3sState, health: Health) -> HostStatus:
    k3s, cpu, memory = _node_figures(state)
    days, hours = health.certificate_days, health.snapshot_hours
    return replace(
        status,
        k3s=k3s,
        cpu=cpu,
        memory=memory,
        certificates="" if days is None else f"{days} d",
        snapshot="" if hours is None else f"{hours} h",
        disk=f"{health.free_bytes / 2**30:.0f} GiB free",
        reboot="pending" if health.reboot else "",
    )


def _created(state: K3sState, now: int) -> int:
    """The creation time of the Node object in seconds since 1970; `now` if there is none."""
    created = state.node.get("metadata", {}).get("creationTimestamp", "")
    return int(datetime.fromisoformat(created.replace("Z", "+00:00")).timestamp()) if created else now


def _k3s_problems(host: Host, state: K3sState) -> tuple[int, list[str]]:
    """Returns the severity and the problems of K3s on the host; LOOK and [] without problems."""
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
    """Returns the share of slow WAL fsyncs, the predicted one, and the problem if p99 is slow; "", [] without any."""
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
    """Returns the node's K3s version, and its CPUs and memory for pods; three times "" without a Node object."""
    node = state.node.get("status", {})
    if not node:
        return "", "", ""
    allocatable, capacity = node["allocatable"], node["capacity"]
    free, total = (parse_memory(resources["memory"]) / 2**30 for resources in (allocatable, capacity))
    cpu, memory = f"{allocatable['cpu']} of {capacity['cpu']}", f"{free:.1f} of {total:.1f} GiB"
    return node["nodeInfo"]["kubeletVersion"], cpu, memory
