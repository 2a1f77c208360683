"""A node's pods go elsewhere before its K3s changes its version, and may come back when it is Ready again."""

from __future__ import annotations

import shlex
import sys

from pyinfra import inventory
from pyinfra.api import Host, State

from skerry.model.host_paths import STATE, UPGRADE_CORDON
from skerry.model.k3s.paths import KUBECTL
from skerry.operations import as_root, servers


def drain(state: State, host: Host, node: str, seconds: int, cordoned: bool) -> bool:
    """Evict the node's pods as their PodDisruptionBudgets allow; past the deadline it is as it was, and this fails.

    `cordoned`: somebody else keeps pods from it already, and goes on to do so.
    """
    if not cordoned:
        _run(
            host,
            f"mkdir -p {STATE} && echo {shlex.quote(node)} > {UPGRADE_CORDON}",
        )
    command = f"drain {shlex.quote(node)} --ignore-daemonsets --delete-emptydir-data --timeout={seconds}s"
    fine, said = _kubectl(host, command)
    if fine:
        return True
    uncordon(state, host)
    print(
        f"{host.name}: was not drained in {seconds} s ({said}); K3s here was left as it was; mend that, "
        "then run it again",
        file=sys.stderr,
    )
    return False


def uncordon(state: State, host: Host) -> bool:
    """The node takes pods again, if it was an upgrade that kept them away."""
    _, node = _run(host, f"cat {UPGRADE_CORDON} 2>/dev/null || true")
    if not node:
        return True
    fine, said = _kubectl(host, f"uncordon {shlex.quote(node)}")
    if fine:
        return _run(host, f"rm -f {UPGRADE_CORDON}")[0]
    print(f"{host.name}: takes no new pods still ({said}); run it again", file=sys.stderr)
    return False


def _kubectl(host: Host, words: str) -> tuple[bool, str]:
    """kubectl on a server whose API is ready, on another one rather than on this host."""
    names = sorted(servers.names(), key=lambda name: name == host.name)
    for server in (inventory.get_host(name) for name in names):
        if server.connected and _run(server, f"timeout 15 {KUBECTL} get --raw /readyz")[0]:
            return _run(server, f"{KUBECTL} {words}")
    return False, "no API server answers"


def _run(host: Host, command: str) -> tuple[bool, str]:
    """Whether it went well, and the last line of what it said."""
    fine, output = as_root(host, command)
    said = output.stdout if fine else output.stderr
    return fine, (said.strip().splitlines() or [""])[-1]
