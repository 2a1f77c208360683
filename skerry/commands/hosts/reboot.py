"""Rolling reboot: one host after the other, drained before and let pods back after, each proven before the next."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

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
from skerry.commands.inventory import load
from skerry.local.cluster_lock import cluster_lock
from skerry.local.paths import SKERRY
from skerry.local.waiting import remaining_problem
from skerry.model.errors import InputError
from skerry.model.host_paths import REBOOT_CORDON, STATE
from skerry.model.k3s.etcd import member_problem, quorum_blocker
from skerry.model.k3s.paths import unit
from skerry.remote.inventory import Host, Inventory

BOOT = "cat /proc/sys/kernel/random/boot_id"


class Stopped(RuntimeError):
    """Where the roll has ended, why, and how to go on."""

    def __init__(self, host: Host, why: str) -> None:
        super().__init__(
            f"{host.name}: {why}; the hosts after it were left as they were; mend it, then run it again"
        )


def reboot(inventory_path: str, only: str = "") -> None:
    """Reboot every host, or the one named. Raises InputError before any is touched, Stopped where it ends.

    A call that was killed or has stopped is continued by the next one: hosts that have booted since it began are
    done. The one named boots all the same, unless a former call had got half-way with it.
    """
    inventory = load(inventory_path)
    hosts = [host for host in inventory.hosts if only in ("", host.name)]
    if not hosts:
        names = ", ".join(host.name for host in inventory.hosts)
        raise InputError(f"{only}: is no host of {inventory_path}; there are {names}")
    with cluster_lock(inventory.path):
        record = SKERRY / "reboots" / f"{inventory.name}.json"
        before = _begun(record, hosts)
        for host in hosts:
            booted = shell(host, BOOT).strip() != before[host.name]
            half_way = bool(shell(host, f"cat {REBOOT_CORDON} 2>/dev/null || true").strip())
            if not booted or (only and not half_way):
                _roll(inventory, host)
            elif half_way:
                _finish(inventory, host)
            else:
                _say(host, "was done by a former call, which was cut off or has stopped")
        record.unlink()


def _begun(record: Path, hosts: list[Host]) -> dict[str, str]:
    """The boot of each host when the roll began: a former call's, or now's. Raises InputError for who is away."""
    now = {host.name: shell(host, BOOT).strip() for host in hosts}
    kept: dict[str, str] = json.loads(record.read_text()) if record.is_file() else {}
    before = {**now, **{name: boot for name, boot in kept.items() if name in now}}
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(before))
    return before


def _roll(inventory: Inventory, host: Host) -> None:
    _check(inventory, host)
    node, boot = shell(host, "hostname").strip().lower(), shell(host, BOOT)
    others = servers(inventory, without=host.name)
    if others:  # the only node is not drained: its pods have nowhere else to go
        _drain(host, answering(others), node)
    _say(host, "reboots")
    shell(host, "systemd-run --quiet --on-active=1 systemctl reboot")
    _await(host, host.settings.reboot_timeout_seconds, lambda: _has_booted(host, boot))
    _finish(inventory, host)


def _check(inventory: Inventory, host: Host) -> None:
    """Raises Stopped while another node is not Ready, or etcd needs this one."""
    if shell(host, f"systemctl is-active {unit(host.role)} || true").strip() != "active":
        return  # it carries nothing
    known = nodes(answering(servers(inventory)))
    mine = shell(host, "hostname").strip().lower()
    if down := sorted(name for name, node in known.items() if name != mine and not is_ready(node)):
        raise Stopped(host, f"was not rebooted, because {', '.join(down)} is not Ready")
    if host.role == "server" and (why := quorum_blocker(host.name, reports(servers(inventory)))):
        raise Stopped(host, f"was not rebooted: {why}")


def _drain(host: Host, server: Host, node: str) -> None:
    """Evicts pods as their PodDisruptionBudgets allow. Raises Stopped, the node as before, past the deadline."""
    known, seconds = nodes(server), host.settings.reboot_drain_seconds
    if node not in known:
        return
    if not known[node]["spec"].get(
        "unschedulable"
    ):  # else somebody else's wish, or a former call's, marked then
        shell(host, f"mkdir -p {STATE} && echo {node} > {REBOOT_CORDON}")
    _say(host, f"is drained, for up to {seconds} s")
    if why := drain(server, node, seconds):
        _let_back(server, host)
        raise Stopped(host, f"was not drained in {seconds} s ({why})")


def _finish(inventory: Inventory, host: Host) -> None:
    """The node is back in full, and takes pods again if it was this roll that kept them away."""
    if shell(host, f"systemctl is-enabled {unit(host.role)} 2>/dev/null || true").strip() != "enabled":
        return
    seconds = host.settings.k3s_ready_timeout_seconds
    _await(host, seconds, lambda: _problem(inventory, host))
    _let_back(answering(servers(inventory)), host)
    _say(host, "is back")


def _let_back(server: Host, host: Host) -> None:
    """Uncordon the node if it was a roll that cordoned it."""
    if node := shell(host, f"cat {REBOOT_CORDON} 2>/dev/null || true").strip():
        kubectl(server, "uncordon", node)
        shell(host, f"rm -f {REBOOT_CORDON}")


def _has_booted(host: Host, before: str) -> str:
    return "" if shell(host, BOOT) != before else "did not go down"


def _problem(inventory: Inventory, host: Host) -> str:
    """What is still missing after the boot."""
    if shell(host, f"systemctl is-active {unit(host.role)} || true").strip() != "active":
        return f"{unit(host.role)} is not active"
    node = shell(host, "hostname").strip().lower()
    if not is_ready(nodes(answering(servers(inventory)))[node]):
        return "its node is not Ready"
    if host.role == "server" and host.settings.k3s_datastore == "etcd":
        return member_problem(host.name, reports(servers(inventory)))
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


def _say(host: Host, what: str) -> None:
    print(f"  {host.name}: {what}", file=sys.stderr, flush=True)
