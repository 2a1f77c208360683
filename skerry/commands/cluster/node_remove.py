"""`invoke node-remove`: drain a node, remove it from the cluster and from etcd, and uninstall K3s from its host."""

from __future__ import annotations

from skerry.commands.cluster.control_plane import (
    drain,
    etcd_reports,
    is_ready,
    kubectl,
    nodes,
    ready_server,
    servers,
    shell,
)
from skerry.commands.hosts.up import deploy
from skerry.commands.inventory import load
from skerry.commands.stages import finish
from skerry.local.cluster_lock import cluster_lock
from skerry.local.console import log, report, require_confirmation
from skerry.local.exit_codes import DONE
from skerry.local.waiting import remaining_problem
from skerry.model.errors import InputError
from skerry.model.k3s.drain import uncordon_command
from skerry.model.k3s.etcd import member_problem, quorum_blocker
from skerry.model.k3s.node_removal import check_removal, members_of, node_of
from skerry.model.k3s.paths import unit
from skerry.remote import ssh
from skerry.remote.inventory import Host


def remove(inventory_path: str, name: str, delete_volumes: bool, yes: bool) -> int:
    """Remove the node and clear its host. Returns the exit code.

    Raises InputError before any change if the node is unknown, the cluster needs it or its volumes hold data, and
    RuntimeError if it cannot be drained or etcd does not recover in time.
    """
    inventory = load(inventory_path)
    host = next((host for host in inventory.hosts if host.name == name), None)
    others = servers(inventory, without=name)
    if not others:
        raise InputError(f"{name}: is the last server; `invoke uninstall` takes down the whole cluster")
    server = ready_server(others)
    known = nodes(server)
    addresses = [host.address, host.settings.k3s_node_ip] if host else []
    node = node_of(name, addresses, known)
    is_server = "node-role.kubernetes.io/control-plane" in known[node]["metadata"]["labels"]
    check_removal(node, is_server, etcd_reports(others) if is_server else {})
    reachable = host is not None and _is_reachable(host, delete_volumes)
    question = f"Remove {node} from {inventory.name}, and K3s and its data from its host?"
    require_confirmation(question, yes, "nothing was removed")

    with cluster_lock(inventory.path):
        if is_ready(known[node]):
            _drain(server, node, (host or server).settings.reboot_drain_seconds)
        remaining = others if is_server and inventory.first_server.settings.k3s_datastore == "etcd" else []
        _remove_node(server, node, host if reachable else None, remaining)
    log(f"{node}: removed from {inventory.name}")
    if not host or not reachable:
        reason = "not reached" if host else "not in the inventory"
        report(f"{node}: its host was not cleared: {reason}; do not let it rejoin")
        return DONE
    return _clear_host(inventory_path, name, delete_volumes)


def _clear_host(inventory_path: str, name: str, delete_volumes: bool) -> int:
    """Uninstall K3s from the host, and print the stages. Returns the exit code."""
    data: dict[str, object] = {"uninstall_delete_volumes": True} if delete_volumes else {}
    code, stages = deploy(inventory_path, "deploy/uninstall.py", data, only=name)
    failed = f"invoke uninstall, or remove K3s from {name} by hand"
    done = f"delete {name} from {inventory_path}, then invoke up {inventory_path}"
    return finish(code, stages, failed if code else done)


def _drain(server: Host, node: str, seconds: int) -> None:
    """Cordon the node and evict its pods. If that fails, uncordon the node and raise RuntimeError."""
    log(f"{node}: draining, for up to {seconds} s")
    if why := drain(server, node, seconds, "--force"):
        shell(server, uncordon_command(node))
        raise RuntimeError(f"{node}: was not drained in {seconds} s ({why}); nothing was removed")


def _remove_node(server: Host, node: str, host: Host | None, remaining: list[Host]) -> None:
    """Stop K3s on `host` if it is reachable, delete the node, and wait for etcd on the `remaining` servers.

    K3s is stopped before the node is deleted, so that the host cannot rejoin as a new member and etcd elects a leader
    only once. If stopping would cost etcd its quorum, the node is deleted first: the removal needs its vote.
    """
    reports = etcd_reports([*remaining, *([host] if host else [])]) if remaining else {}
    stop_first = host is not None and not quorum_blocker(host.name, reports)
    if host and stop_first:
        shell(host, f"systemctl disable --quiet --now {unit(host.role)}")
        _await_etcd(remaining)
    _delete(server, node, remaining)
    if host and not stop_first:
        shell(host, f"systemctl disable --quiet --now {unit(host.role)}")
        _await_etcd(remaining)
        # The host may have rejoined in between, as a member with another name.
        _delete(server, node, remaining)
    kubectl(
        server, "-n", "kube-system", "delete", "secret", f"{node}.node-password.k3s", "--ignore-not-found"
    )


def _is_reachable(host: Host, delete_volumes: bool) -> bool:
    """Whether SSH reaches the host. Raises InputError if local volumes hold data that must not be deleted."""
    try:
        with ssh.connect(host) as connection:
            volumes = ssh.run(connection, host, "ls -A /var/lib/rancher/k3s/storage 2>/dev/null || true")
    except InputError as error:
        report(f"{error}; it is removed from the cluster all the same")
        return False
    if volumes.split() and not delete_volumes:
        raise InputError(
            f"{host.name}: {len(volumes.split())} local volume(s) hold data in /var/lib/rancher/k3s/storage; "
            "nothing was removed; save them, or say --delete-volumes"
        )
    return True


def _delete(server: Host, node: str, remaining: list[Host]) -> None:
    """Delete the Node object, and wait until K3s has removed the server's member from etcd (pkg/etcd, onRemove)."""
    kubectl(server, "delete", "node", node, "--ignore-not-found", "--wait=false")
    _await_etcd(remaining, without=node)


def _await_etcd(remaining: list[Host], without: str = "") -> None:
    """Wait until the servers are healthy members and list no member of node `without`. Raises RuntimeError on timeout.

    K3s may restart in between: when etcd's leader goes, the lease of K3s's controllers may expire.
    """
    seconds = max((host.settings.k3s_ready_timeout_seconds for host in remaining), default=0)
    if problem := remaining_problem(lambda: _etcd_problem(remaining, without), seconds):
        raise RuntimeError(f"{problem}; see `journalctl -u k3s` there, fix it, then run it again")


def _etcd_problem(remaining: list[Host], without: str) -> str:
    reports = etcd_reports(remaining)
    for name, etcd in reports.items():
        if etcd and without and members_of(without, etcd.members):
            return f"{name}: etcd still lists a member of {without}"
        if why := member_problem(name, reports):
            return f"{name}: {why}"
    return ""
