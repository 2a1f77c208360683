"""Decisions about a host's K3s: whether it must be restarted, drained before that, or kept out of the cluster."""

from __future__ import annotations

from typing import Literal

from skerry.facts.k3s import K3sState
from skerry.model.k3s.node import LINK, Node
from skerry.model.role import Role

Action = Literal["restart", "wait", ""]


def action_needed(node: Node, state: K3sState) -> Action:
    """Returns "restart", "wait" if the running process is the right one but its node is not Ready, or "" if Ready.

    "restart": K3s does not run, is not enabled, or runs with other files than the settings ask for; or the node is
    not Ready and systemd has not loaded its changed unit, in which case the new unit may help.
    """
    if state.running != node.digest or state.active not in ("active", "activating"):
        return "restart"
    if not state.enabled or started_with_other_files(node, state):
        return "restart"
    if state.ready:
        return ""
    return "restart" if state.reload_needed else "wait"


def started_with_other_files(node: Node, state: K3sState) -> bool:
    """Returns whether the process was started with files changed by hand, which the digest it reports does not show."""
    wrong = {file.path for file in node.files_read_at_start if state.files.get(file.path) != file.state}
    if state.binary != node.binary_sha256:
        wrong.add(node.binary)
    if state.links.get("k3s") != node.binary:
        wrong.add(LINK)
    return bool(wrong & state.loaded)


def needs_drain(node: Node, state: K3sState, hosts: int) -> bool:
    """Returns whether to drain the node before the restart: it is Ready, changes version, and has other `hosts`."""
    version = state.node.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", "")
    return hosts > 1 and state.ready and version not in ("", node.settings.k3s_version)


def join_conflict(role: Role, state: K3sState, first_server: K3sState) -> Literal["cluster", "tokens", ""]:
    """Returns "cluster" if the host holds another cluster's datastore, "tokens" if its tokens do not match, or ""."""
    if state.cluster and first_server.cluster and state.cluster != first_server.cluster:
        return "cluster"
    if role == "agent":
        needed = {"server": first_server.tokens.get("join-agent")}
    else:
        needed = {
            "server": first_server.tokens.get("join-server"),
            "agent": first_server.tokens.get("agent"),
        }
    has_all = all(token and state.tokens.get(name) == token for name, token in needed.items())
    return "" if has_all else "tokens"
