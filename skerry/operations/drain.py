"""Drain a node before its K3s changes version, and uncordon it once it is Ready again."""

from __future__ import annotations

from pyinfra import inventory
from pyinfra.api import Host, State

from skerry.local.console import report
from skerry.model.k3s.drain import CLEAR_MARKER, READ_MARKER, drain_command, set_marker, uncordon_command
from skerry.model.k3s.paths import KUBECTL
from skerry.operations import run_as_root
from skerry.operations.servers import server_names


def drain(state: State, host: Host, node: str, seconds: int, cordoned: bool) -> bool:
    """Drain the node. If this fails or takes more than `seconds`, uncordon the node, print why and return False.

    `cordoned`: the node was cordoned before, not by Skerry, and stays cordoned in any case.
    """
    if not cordoned:
        _run(host, set_marker(node))
    succeeded, answer = _run_on_ready_server(host, drain_command(node, seconds))
    if succeeded:
        return True
    uncordon(state, host)
    report(
        f"{host.name}: was not drained in {seconds} s ({answer}); K3s here was left as it was; mend that, "
        "then run it again",
    )
    return False


def uncordon(state: State, host: Host) -> bool:
    """Uncordon the host's node if Skerry has cordoned it. Returns False if the node may still be cordoned."""
    _, node = _run(host, READ_MARKER)
    if not node:
        return True
    succeeded, answer = _run_on_ready_server(host, uncordon_command(node))
    if succeeded:
        return _run(host, CLEAR_MARKER)[0]
    report(f"{host.name}: is still cordoned ({answer}); run it again")
    return False


def _run_on_ready_server(host: Host, command: str) -> tuple[bool, str]:
    """Run the command on a server whose API is ready, `host` last. Returns as `_run` does, or False and why."""
    names = sorted(server_names(), key=lambda name: name == host.name)
    for server in (inventory.get_host(name) for name in names):
        if server.connected and _run(server, f"timeout 15 {KUBECTL} get --raw /readyz")[0]:
            return _run(server, command)
    return False, "no API server answers"


def _run(host: Host, command: str) -> tuple[bool, str]:
    """Returns whether the command succeeded, and the last line of its output or error; "" if there is none."""
    succeeded, output = run_as_root(host, command)
    text = output.stdout if succeeded else output.stderr
    return succeeded, (text.strip().splitlines() or [""])[-1]
