"""How the hosts of a cluster are, one line each, worst first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace

from rich.table import Table

from cluster.errors import InputError
from cluster.etcd import Report, Reports, unsettled
from cluster.k3s_host import binary, unit
from cluster.quantity import parse_memory
from controller import ssh
from controller.inventory import Host, Inventory
from deploy.facts.etcd import Etcd
from deploy.facts.k3s import K3s, K3sState

PARALLEL = 20
LOOK = (  # what is free below K3s's data, and whether an update asked for a reboot
    "df -h --output=avail /var/lib | awk 'NR == 2 { print $1 \" free\" }'; "
    "[ -e /run/reboot-required ] && echo pending; true"
)


@dataclass(frozen=True)
class HostStatus:
    """One host. `problem` is "" when nothing needs a person."""

    host: str
    role: str
    problem: str
    k3s: str = ""
    cpu: str = ""
    memory: str = ""
    etcd: str = ""
    disk: str = ""
    reboot: str = ""

    @property
    def fine(self) -> bool:
        return not self.problem


def status(inventory: Inventory) -> list[HostStatus]:
    """Every host's status, those with a problem first."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        found = list(pool.map(_status, inventory.hosts))
    reports = {status.host: report for status, report in found if status.role == "server"}
    statuses = [_with_etcd(status, reports) for status, _ in found]
    return sorted(statuses, key=lambda each: (each.fine, each.host))


def _with_etcd(status: HostStatus, reports: Reports) -> HostStatus:
    """What a server's member of etcd is; lacking something is a problem, unless there is a worse one."""
    report = reports.get(status.host)
    if report is None:
        return status
    role = "leader" if report.leader else "learner" if report.member and report.member.learner else "voter"
    etcd = f"{role} of {len(report.members)}" if report.healthy else "not healthy"
    return replace(status, etcd=etcd, problem=status.problem or unsettled(status.host, reports))


def _status(host: Host) -> tuple[HostStatus, Report | None]:
    report = None
    fact, path = K3s(), binary(host.settings.k3s_version)
    try:
        with ssh.connect(host) as connection:
            output = ssh.run(connection, host, fact.command(unit(host.role), path, host.role, []))
            if host.role == "server":
                report = Etcd().process(ssh.run(connection, host, Etcd().command()).splitlines())
            disk, reboot, *_ = [*ssh.run(connection, host, LOOK).splitlines(), ""]
    except (InputError, RuntimeError) as error:
        return HostStatus(host.name, host.role, str(error).removeprefix(f"{host.name}: ")), None
    state = fact.process(output.splitlines())
    return HostStatus(
        host.name, host.role, _problem(host, state), *_figures(state), disk=disk, reboot=reboot
    ), report


def _problem(host: Host, state: K3sState) -> str:
    if not state.binary:
        return "K3s is not installed"
    if state.active != "active":
        return f"{unit(host.role)} is {state.active}"
    if not state.ready:
        return "the node is not Ready"
    if state.node["spec"].get("unschedulable"):
        return "takes no new pods (cordoned)"
    version = state.node["status"]["nodeInfo"]["kubeletVersion"]
    wanted = host.settings.k3s_version
    return "" if version == wanted else f"runs {version}, the inventory says {wanted}"


def _figures(state: K3sState) -> tuple[str, str, str]:
    found = state.node.get("status", {})
    if not found:
        return "", "", ""
    free, whole = found["allocatable"], found["capacity"]
    mib = [f"{parse_memory(each['memory']) >> 20} MiB" for each in (free, whole)]
    return found["nodeInfo"]["kubeletVersion"], f"{free['cpu']} of {whole['cpu']}", " of ".join(mib)


def table(statuses: list[HostStatus]) -> Table:
    """The statuses for people."""
    result = Table(
        "host", "role", "state", "k3s", "cpu for pods", "memory for pods", "etcd", "disk", "reboot"
    )
    for each in statuses:
        state = "[green]Ready[/]" if each.fine else f"[red]{each.problem}[/]"
        result.add_row(
            each.host, each.role, state, each.k3s, each.cpu, each.memory, each.etcd, each.disk, each.reboot
        )
    return result


def as_json(statuses: list[HostStatus]) -> list[dict[str, str]]:
    """The statuses for machines."""
    return [asdict(each) for each in statuses]
