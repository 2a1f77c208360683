"""Query a cluster's servers over SSH: find a ready API server, list nodes, read etcd's reports."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from skerry.facts.etcd import Etcd
from skerry.local.waiting import remaining_problem
from skerry.model.errors import InputError
from skerry.model.k3s.drain import drain_command
from skerry.model.k3s.etcd import EtcdReport
from skerry.model.k3s.paths import KUBECTL
from skerry.remote import ssh
from skerry.remote.inventory import Host, Inventory

# etcd's election timeout in K3s is 5 s (pkg/etcd, ElectionTimeout); the first vote may be split.
ELECTION_SECONDS = 15


def shell(host: Host, command: str) -> str:
    """Run a command as root and return its output. Raises InputError without SSH access, RuntimeError if it fails."""
    with ssh.connect(host) as connection:
        return ssh.run(connection, host, command)


def servers(inventory: Inventory, without: str = "") -> list[Host]:
    """The servers of the inventory, except `without`."""
    return [host for host in inventory.hosts if host.role == "server" and host.name != without]


def etcd_reports(hosts: Sequence[Host]) -> dict[str, EtcdReport | None]:
    """Read each server's report on etcd; None if the server cannot be reached or its etcd does not answer."""

    def report(host: Host) -> EtcdReport | None:
        try:
            return Etcd().process(shell(host, Etcd().command()).splitlines())
        except (InputError, RuntimeError):
            return None

    with ThreadPoolExecutor() as pool:
        return dict(zip((host.name for host in hosts), pool.map(report, hosts), strict=True))


def ready_server(hosts: Sequence[Host]) -> Host:
    """Return the first server whose API is ready. Waits while etcd may be electing a leader.

    Raises InputError with the last server's error if no API becomes ready, without waiting if no server can be reached.
    """
    ready: list[Host] = []

    def check() -> str:
        try:
            ready.append(_first_ready(hosts))
        except RuntimeError as error:  # an election may be under way
            return str(error)
        return ""

    try:
        problem = remaining_problem(check, ELECTION_SECONDS)
    except InputError as error:
        problem = str(error)
    if problem:
        raise InputError(f"no API server answers ({problem}); nothing was changed")
    return ready[0]


def _first_ready(hosts: Sequence[Host]) -> Host:
    """Return the first server whose API is ready. Raises RuntimeError if none is, InputError if none can be reached."""
    reached, last_error = False, "there is no other server"
    for host in hosts:
        try:
            shell(host, f"timeout 15 {KUBECTL} get --raw /readyz")
            return host
        except InputError as error:
            last_error = str(error)
        except RuntimeError as error:
            reached, last_error = True, str(error)
    raise RuntimeError(last_error) if reached else InputError(last_error)


def kubectl(server: Host, *arguments: str) -> str:
    """Run kubectl on a server and return its output. Raises RuntimeError with its error message."""
    return shell(server, f"{KUBECTL} {shlex.join(arguments)}")


def drain(server: Host, node: str, seconds: int, *options: str) -> str:
    """Cordon the node and evict its pods as their PodDisruptionBudgets allow. Returns the error; "" if it worked."""
    try:
        shell(server, drain_command(node, seconds, *options))
    except RuntimeError as error:
        return str(error).splitlines()[-1]
    return ""


def nodes(server: Host) -> dict[str, dict[str, Any]]:
    """Every Node object by name."""
    items = json.loads(kubectl(server, "get", "nodes", "-o", "json"))["items"]
    return {node["metadata"]["name"]: node for node in items}


def node_name(host: Host) -> str:
    """The name of the host's node: its hostname in lower case."""
    return shell(host, "hostname").strip().lower()


def is_ready(node: dict[str, Any]) -> bool:
    """Whether a Node object has the condition Ready."""
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in node["status"]["conditions"]
    )
