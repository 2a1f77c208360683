"""Taking one node out of a cluster: drained, deleted, out of etcd, forgotten, and its host cleared."""

from __future__ import annotations

import sys

from skerry.commands.cluster.servers import (
    answering,
    drain,
    is_ready,
    kubectl,
    nodes,
    reports,
    servers,
    shell,
)
from skerry.commands.hosts.up import deploy, print_stages
from skerry.commands.inventory import load
from skerry.local.cluster_lock import cluster_lock
from skerry.local.waiting import remaining_problem
from skerry.model.errors import InputError
from skerry.model.k3s.etcd import member_problem, quorum_blocker
from skerry.model.k3s.node_removal import check, members_of, node_of
from skerry.model.k3s.paths import unit
from skerry.remote import ssh, trust
from skerry.remote.inventory import Host


def remove(inventory_path: str, name: str, delete_volumes: bool, yes: bool) -> int:
    """Returns the exit code. Raises InputError, nothing touched, when the node is unknown or cannot be spared."""
    inventory = load(inventory_path)
    host = next((each for each in inventory.hosts if each.name == name), None)
    others = servers(inventory, without=name)
    if not others:
        raise InputError(f"{name}: is the last server; `invoke uninstall` takes down the whole cluster")
    server = answering(others)
    known = nodes(server)
    addresses = [host.address, host.settings.k3s_node_ip] if host else []
    node = node_of(name, addresses, known)
    is_server = "node-role.kubernetes.io/control-plane" in known[node]["metadata"]["labels"]
    check(node, is_server, reports(others) if is_server else {})
    reachable = host is not None and _is_reachable(host, delete_volumes)
    if not yes and not trust.ask(f"Remove {node} from {inventory.name}, and K3s and its data from its host?"):
        raise InputError("nothing was removed; confirm at a terminal, or say --yes")

    with cluster_lock(inventory.path):
        if is_ready(known[node]):
            _drain(server, node, (host or server).settings.reboot_drain_seconds)
        stays = others if is_server and inventory.first_server.settings.k3s_datastore == "etcd" else []
        _leave(server, node, host if reachable else None, stays)
    _say(f"{node} is no node of {inventory.name} any more")
    if not host or not reachable:
        _say(
            f"its host was not cleared: {'not in the inventory' if not host else 'not reached'}; do not let it rejoin"
        )
        return 0
    data: dict[str, object] = {"uninstall_delete_volumes": True} if delete_volumes else {}
    code, stages = deploy(inventory_path, "deploy/uninstall.py", data, only=name)
    following = f"take {name} out of {inventory_path}, then invoke up {inventory_path}"
    print_stages(
        stages, following if code == 0 else f"invoke uninstall, or clear {name} by hand", as_json=False
    )
    return code


def _drain(server: Host, node: str, seconds: int) -> None:
    """Evicts pods as their PodDisruptionBudgets allow; a node that is not Ready could end none. Raises RuntimeError."""
    _say(f"draining {node}, for up to {seconds} s")
    if why := drain(server, node, seconds, "--force"):
        kubectl(server, "uncordon", node)
        raise RuntimeError(f"{node}: was not drained in {seconds} s ({why}); nothing was removed")


def _leave(server: Host, node: str, host: Host | None, stays: list[Host]) -> None:
    """The node is deleted and forgotten, K3s on its host, if that is there, has stopped, and etcd goes on in `stays`.

    A server stops before it is removed, so that it cannot come back as a new member and etcd elects a leader once;
    only where the others alone are no majority, it is removed first, as it has to agree.
    """
    said = reports([*stays, *([host] if host else [])]) if stays else {}
    first = host is not None and not quorum_blocker(host.name, said)
    if host and first:
        shell(host, f"systemctl disable --quiet --now {unit(host.role)}")
        _await_settled(stays)
    _delete(server, node, stays)
    if host and not first:
        shell(host, f"systemctl disable --quiet --now {unit(host.role)}")
        _await_settled(stays)
        _delete(server, node, stays)  # it may have come back meanwhile, as a member with another name
    kubectl(
        server, "-n", "kube-system", "delete", "secret", f"{node}.node-password.k3s", "--ignore-not-found"
    )


def _is_reachable(host: Host, delete_volumes: bool) -> bool:
    """Whether the host answers. Raises InputError when it holds data in local volumes that nobody gave up."""
    try:
        with ssh.connect(host) as connection:
            held = ssh.run(connection, host, "ls -A /var/lib/rancher/k3s/storage 2>/dev/null || true").split()
    except InputError as error:
        _say(f"{error}; it is removed from the cluster all the same")
        return False
    if held and not delete_volumes:
        raise InputError(
            f"{host.name}: {len(held)} local volume(s) hold data in /var/lib/rancher/k3s/storage; nothing was removed; "
            "save them, or say --delete-volumes"
        )
    return True


def _delete(server: Host, node: str, stays: list[Host]) -> None:
    """Delete the Node object: K3s then takes a server's member out of etcd by itself (pkg/etcd, onRemove)."""
    kubectl(server, "delete", "node", node, "--ignore-not-found", "--wait=false")
    _await_settled(stays, without=node)


def _await_settled(stays: list[Host], without: str = "") -> None:
    """The servers that stay are all well, and none lists a member of `without`. Raises RuntimeError after a while.

    K3s may restart by itself meanwhile: when a leader of etcd goes, its lease as a controller may run out.
    """
    seconds = max((host.settings.k3s_ready_timeout_seconds for host in stays), default=0)
    if problem := remaining_problem(lambda: _unsettled(stays, without), seconds):
        raise RuntimeError(f"{problem}; see `journalctl -u k3s` there, mend it, then run it again")


def _unsettled(stays: list[Host], without: str) -> str:
    said = reports(stays)
    for name, report in said.items():
        if report and without and members_of(without, report.members):
            return f"{name}: etcd still lists a member of {without}"
        if why := member_problem(name, said):
            return f"{name}: {why}"
    return ""


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
