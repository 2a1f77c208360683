"""What the tasks ask a cluster's servers: over SSH, of the first that answers or of all at once."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from skerry.facts.etcd import Etcd
from skerry.local.waiting import remaining_problem
from skerry.model.errors import InputError
from skerry.model.k3s.etcd import EtcdReport
from skerry.model.k3s.paths import KUBECTL
from skerry.remote import ssh
from skerry.remote.inventory import Host, Inventory

# K3s has etcd's members wait 5 s for their leader (pkg/etcd, ElectionTimeout); the first vote may be split.
ELECTION_SECONDS = 15


def shell(host: Host, command: str) -> str:
    """A command's output on a host, run as root. Raises InputError when it cannot be reached, RuntimeError."""
    with ssh.connect(host) as connection:
        return ssh.run(connection, host, command)


def servers(inventory: Inventory, without: str = "") -> list[Host]:
    """The servers, less one."""
    return [host for host in inventory.hosts if host.role == "server" and host.name != without]


def reports(hosts: Sequence[Host]) -> dict[str, EtcdReport | None]:
    """What each server's etcd says; None for one that cannot be reached or has none."""

    def ask(host: Host) -> EtcdReport | None:
        try:
            return Etcd().process(shell(host, Etcd().command()).splitlines())
        except (InputError, RuntimeError):
            return None

    with ThreadPoolExecutor() as pool:
        return dict(zip((host.name for host in hosts), pool.map(ask, hosts), strict=True))


def answering(hosts: Sequence[Host]) -> Host:
    """The first server whose API is ready, if need be after etcd has elected a leader.

    Raises InputError when none is, with what the last one said.
    """
    ready: list[Host] = []

    def problem() -> str:
        """Why no server is ready; raises InputError if none can be reached."""
        answer, reached = "there is no other server", False
        for host in hosts:
            try:
                shell(host, f"timeout 15 {KUBECTL} get --raw /readyz")
                ready.append(host)
                return ""
            except InputError as error:
                answer = str(error)
            except RuntimeError as error:
                answer, reached = str(error), True
        if not reached:
            raise InputError(answer)
        return answer

    try:
        why = remaining_problem(problem, ELECTION_SECONDS)
    except InputError as error:
        why = str(error)
    if why:
        raise InputError(f"no API server answers ({why}); nothing was changed")
    return ready[0]


def kubectl(server: Host, *words: str) -> str:
    """kubectl's output on a server. Raises RuntimeError with what it said."""
    return shell(server, f"{KUBECTL} {shlex.join(words)}")


def drain(server: Host, node: str, seconds: int, *options: str) -> str:
    """Evict a node's pods as their PodDisruptionBudgets allow. Returns why not, "" when all went; it stays cordoned."""
    words = (
        "drain",
        node,
        "--ignore-daemonsets",
        "--delete-emptydir-data",
        *options,
        f"--timeout={seconds}s",
    )
    try:
        kubectl(server, *words)
    except RuntimeError as error:
        return str(error).splitlines()[-1]
    return ""


def nodes(server: Host) -> dict[str, dict[str, Any]]:
    """Every Node object by name."""
    items = json.loads(kubectl(server, "get", "nodes", "-o", "json"))["items"]
    return {each["metadata"]["name"]: each for each in items}


def is_ready(node: dict[str, Any]) -> bool:
    """Whether the API server holds a node for Ready."""
    return any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"]["conditions"])
