"""How the hosts of a cluster are, one line each, worst first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from rich.table import Table

from cluster.errors import InputError
from cluster.k3s_host import binary, unit
from cluster.quantity import parse_memory
from controller import ssh
from controller.inventory import Host, Inventory
from deploy.facts.k3s import K3s, K3sState

PARALLEL = 20


@dataclass(frozen=True)
class HostStatus:
    """One host. `problem` is "" when nothing needs a person."""

    host: str
    role: str
    problem: str
    k3s: str = ""
    cpu: str = ""
    memory: str = ""

    @property
    def fine(self) -> bool:
        return not self.problem


def status(inventory: Inventory) -> list[HostStatus]:
    """Every host's status, those with a problem first."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        return sorted(pool.map(_status, inventory.hosts), key=lambda each: (each.fine, each.host))


def _status(host: Host) -> HostStatus:
    fact, path = K3s(), binary(host.settings.k3s_version)
    try:
        with ssh.connect(host) as connection:
            output = ssh.run(connection, host, fact.command(unit(host.role), path, host.role, []))
    except (InputError, RuntimeError) as error:
        return HostStatus(host.name, host.role, str(error).removeprefix(f"{host.name}: "))
    state = fact.process(output.splitlines())
    return HostStatus(host.name, host.role, _problem(host, state), *_figures(state))


def _problem(host: Host, state: K3sState) -> str:
    if not state.binary:
        return "K3s is not installed"
    if state.active != "active":
        return f"{unit(host.role)} is {state.active}"
    if not state.ready:
        return "the node is not Ready"
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
    result = Table("host", "role", "state", "k3s", "cpu for pods", "memory for pods")
    for each in statuses:
        state = "[green]Ready[/]" if each.fine else f"[red]{each.problem}[/]"
        result.add_row(each.host, each.role, state, each.k3s, each.cpu, each.memory)
    return result


def as_json(statuses: list[HostStatus]) -> list[dict[str, str]]:
    """The statuses for machines."""
    return [asdict(each) for each in statuses]
