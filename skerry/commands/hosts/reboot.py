"""`invoke reboot`: reboot the hosts one by one. Each is drained first, and healthy again before the next one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from skerry.commands.cluster.control_plane import (
    drain,
    etcd_reports,
    is_ready,
    node_name,
    nodes,
    ready_server,
    servers,
    shell,
)
from skerry.commands.inventory import load
from skerry.local.cluster_lock import cluster_lock
from skerry.local.console import log
from skerry.local.files import replace
from skerry.local.paths import REBOOTS
from skerry.local.waiting import remaining_problem
from skerry.model.errors import InputError
from skerry.model.k3s.drain import CLEAR_MARKER, READ_MARKER, set_marker, uncordon_command
from skerry.model.k3s.etcd import member_problem, quorum_blocker
from skerry.model.k3s.paths import unit
from skerry.remote.inventory import Host, Inventory

READ_BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


class Stopped(RuntimeError):
    """The rolling reboot has stopped at a host. The message says why, and how to continue."""

    def __init__(self, host: Host, why: str) -> None:
        super().__init__(
            f"{host.name}: {why}; the hosts after it were not touched; fix it, then run it again"
        )


def reboot(inventory_path: str, only: str = "") -> None:
    """Reboot every host, or `only` one, and print the next command.

    A call continues an earlier one that was interrupted: hosts that have booted since then are not rebooted again,
    except for `only`. Raises InputError before any change, Stopped if a host must not be rebooted or does not recover.
    """
    inventory = load(inventory_path)
    hosts = [host for host in inventory.hosts if only in ("", host.name)]
    if not hosts:
        names = ", ".join(host.name for host in inventory.hosts)
        raise InputError(f"{only}: is no host of {inventory_path}; there are {names}")
    with cluster_lock(inventory.path):
        record = REBOOTS / f"{inventory.name}.json"
        boots = _boots_before(record, hosts)
        for host in hosts:
            rebooted = shell(host, READ_BOOT_ID).strip() != boots[host.name]
            interrupted = bool(shell(host, READ_MARKER).strip())
            if not rebooted or (only and not interrupted):
                _reboot_one(inventory, host)
            elif interrupted:
                _finish(inventory, host)
            else:
                log(f"{host.name}: was rebooted by an earlier call that did not end")
        record.unlink()
    print(f"Next: invoke status {inventory_path}")


def _boots_before(record: Path, hosts: list[Host]) -> dict[str, str]:
    """Returns each host's boot id from the begin of the rolling reboot, and stores them in `record` for a later call.

    Raises InputError if a host cannot be reached.
    """
    now = {host.name: shell(host, READ_BOOT_ID).strip() for host in hosts}
    earlier: dict[str, str] = json.loads(record.read_text()) if record.is_file() else {}
    boots = {**now, **{name: boot for name, boot in earlier.items() if name in now}}
    replace(record, json.dumps(boots))
    return boots


def _reboot_one(inventory: Inventory, host: Host) -> None:
    """Drain, reboot, and wait until the host is healthy. The only server is not drained."""
    _check(inventory, host)
    node, boot_id = node_name(host), shell(host, READ_BOOT_ID)
    others = servers(inventory, without=host.name)
    if others:
        _drain(host, ready_server(others), node)
    log(f"{host.name}: reboots")
    shell(host, "systemd-run --quiet --on-active=1 systemctl reboot")
    timeout = host.settings.reboot_timeout_seconds
    _await(host, timeout, lambda: "" if shell(host, READ_BOOT_ID) != boot_id else "did not go down")
    _finish(inventory, host)


def _check(inventory: Inventory, host: Host) -> None:
    """Raises Stopped if another node is not Ready or etcd would lose its quorum. A host without active K3s passes."""
    if not _k3s_is_active(host):
        return
    known, own = nodes(ready_server(servers(inventory))), node_name(host)
    if down := sorted(name for name, node in known.items() if name != own and not is_ready(node)):
        raise Stopped(host, f"was not rebooted, because {', '.join(down)} is not Ready")
    if host.role == "server" and (why := quorum_blocker(host.name, etcd_reports(servers(inventory)))):
        raise Stopped(host, f"was not rebooted: {why}")


def _drain(host: Host, server: Host, node: str) -> None:
    """Evict the node's pods, if the cluster has the node. On failure undo the cordon and raise Stopped."""
    known, seconds = nodes(server), host.settings.reboot_drain_seconds
    if node not in known:
        return
    # A node that is cordoned already has the marker only if an earlier call cordoned it. Leave that as it is.
    if not known[node]["spec"].get("unschedulable"):
        shell(host, set_marker(node))
    log(f"{host.name}: draining, for up to {seconds} s")
    if why := drain(server, node, seconds):
        _uncordon(server, host)
        raise Stopped(host, f"was not drained in {seconds} s ({why})")


def _finish(inventory: Inventory, host: Host) -> None:
    """Wait until the node is healthy, and uncordon it if a reboot cordoned it. Does nothing if K3s is not enabled."""
    # Not `is-active`: K3s may still be starting.
    if shell(host, f"systemctl is-enabled {unit(host.role)} 2>/dev/null || true").strip() != "enabled":
        return
    _await(host, host.settings.k3s_ready_timeout_seconds, lambda: _problem(inventory, host))
    _uncordon(ready_server(servers(inventory)), host)
    log(f"{host.name}: is back")


def _uncordon(server: Host, host: Host) -> None:
    """Uncordon the node if the marker shows that a reboot cordoned it."""
    if node := shell(host, READ_MARKER).strip():
        shell(server, uncordon_command(node))
        shell(host, CLEAR_MARKER)


def _k3s_is_active(host: Host) -> bool:
    return shell(host, f"systemctl is-active {unit(host.role)} || true").strip() == "active"


def _problem(inventory: Inventory, host: Host) -> str:
    """Returns why the node is not healthy yet; "" if it is."""
    if not _k3s_is_active(host):
        return f"{unit(host.role)} is not active"
    if not is_ready(nodes(ready_server(servers(inventory)))[node_name(host)]):
        return "its node is not Ready"
    if host.role == "server" and host.settings.k3s_datastore == "etcd":
        return member_problem(host.name, etcd_reports(servers(inventory)))
    return ""


def _await(host: Host, seconds: int, problem: Callable[[], str]) -> None:
    """Wait until `problem` returns "". Raises Stopped after `seconds`."""

    def check() -> str:
        try:
            return problem()
        except (InputError, RuntimeError, OSError, EOFError, KeyError) as error:  # still booting
            return str(error) or type(error).__name__

    if why := remaining_problem(check, seconds):
        raise Stopped(host, f"{why}, {seconds} s after its reboot")
