"""Decisions about a host's K3s: whether it must be restarted, drained before that, or kept out of the cluster."""

from __future__ import annotations

from typing import Literal

from skerry.facts.k3s import K3sState
from skerry.model.k3s.node import LINK, Node
from skerry.model.role import Role

Action = Literal["restart", "wait", ""]


def action_needed(node: Node, state: K3sState) -> Action:
    """One of "restart" (the running process is not the wanted one), "wait" (it is, but its node is not Ready), or "".

    A node that is not Ready is also restarted if its unit was changed since it started: that may mend it.
    """
    if state.running != node.digest or state.active not in ("active", "activating"):
        return "restart"
    if not state.enabled or started_with_other_files(node, state):
        return "restart"
    if state.ready:
        return ""
    return "restart" if state.reload_needed else "wait"


def started_with_other_files(node: Node, state: K3sState) -> bool:
    """Whether the process was started with files that had been changed by hand: its digest does not show that."""
    wrong = {file.path for file in node.files_read_at_start if state.files.get(file.path) != file.state}
    if state.binary != node.binary_sha256:
        wrong.add(node.binary)
    if state.links.get("k3s") != node.binary:
        wrong.add(LINK)
    return bool(wrong & state.loaded)


def needs_drain(node: Node, state: K3sState, hosts: int) -> bool:
    """Whether the node's pods move away while K3s restarts: for another version, if there are other hosts."""
    version = state.node.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", "")
    return hosts > 1 and state.ready and version not in ("", node.settings.k3s_version)


def join_conflict(role: Role, state: K3sState, first_server: K3sState) -> Literal["cluster", "tokens", ""]:
    """Why a host cannot join: "cluster" if it holds another cluster's datastore, "tokens" if it lacks the tokens."""
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
