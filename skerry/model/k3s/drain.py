"""Draining and uncordoning a node: kubectl's commands, and the marker of a node that Skerry has cordoned.

Skerry uncordons only a node that it has cordoned itself, also after a run that was killed or a host that lost power.
The marker is on the node's host, where skerry/templates/hardening/reboot.sh and skerry-uncordon.service use it, too.
"""

from __future__ import annotations

import shlex

from skerry.model.host_paths import CORDON, FORMER_CORDON, STATE
from skerry.model.k3s.paths import KUBECTL

READ_MARKER = f"cat {CORDON} {FORMER_CORDON} 2>/dev/null | head -n 1"
"""Prints the node that Skerry has cordoned, or nothing."""

CLEAR_MARKER = f"rm -f {CORDON} {FORMER_CORDON}"


def set_marker(node: str) -> str:
    """Shell to run on the node's host before it is drained, unless something else has cordoned the node."""
    return f"mkdir -p {STATE} && echo {shlex.quote(node)} > {CORDON}"


def drain_command(node: str, seconds: int, *options: str) -> str:
    """Cordon the node and evict its pods as far as their PodDisruptionBudgets allow. Fails after `seconds`."""
    words = [
        "drain",
        node,
        "--ignore-daemonsets",
        "--delete-emptydir-data",
        *options,
        f"--timeout={seconds}s",
    ]
    return f"{KUBECTL} {shlex.join(words)}"


def uncordon_command(node: str) -> str:
    """Let the scheduler place pods on the node again."""
    return f"{KUBECTL} uncordon {shlex.quote(node)}"
