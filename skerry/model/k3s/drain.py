"""Draining and uncordoning a node: kubectl's commands, and the marker of a node that Skerry has cordoned.

Skerry uncordons only nodes that Skerry has cordoned, even if the run was killed or the host lost power in between.
The marker is on the node's host, where skerry/templates/hardening/reboot.sh and skerry-uncordon.service use it, too.
"""

from __future__ import annotations

import shlex

from skerry.model.host_paths import CORDON, FORMER_CORDON, STATE
from skerry.model.k3s.paths import KUBECTL

READ_MARKER = f"cat {CORDON} {FORMER_CORDON} 2>/dev/null | head -n 1"
"""Prints the node that Skerry has cordoned, or nothing if the marker does not exist."""

CLEAR_MARKER = f"rm -f {CORDON} {FORMER_CORDON}"


def set_marker(node: str) -> str:
    """Returns shell that writes the marker, to run on the node's host before draining unless the node is cordoned."""
    return f"mkdir -p {STATE} && echo {shlex.quote(node)} > {CORDON}"


def drain_command(node: str, seconds: int, *options: str) -> str:
    """Returns a command that cordons a node and evicts pods as PodDisruptionBudgets allow, or fails after `seconds`."""
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
    """Returns the command that lets the scheduler place pods on the node again."""
    return f"{KUBECTL} uncordon {shlex.quote(node)}"
