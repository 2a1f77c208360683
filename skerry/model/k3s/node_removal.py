"""Checks before a node is removed from the cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from skerry.model.errors import InputError
from skerry.model.k3s.etcd import EtcdReport, Member


def node_of(host: str, addresses: Sequence[str], nodes: Mapping[str, dict[str, Any]]) -> str:
    """Returns the name of the node with the host's name or one of its addresses. Raises InputError if there is none."""
    if host.lower() in nodes:
        return host.lower()
    for name, node in nodes.items():
        if {entry["address"] for entry in node["status"].get("addresses", [])} & set(addresses):
            return name
    raise InputError(f"{host}: is no node of this cluster; the nodes are {', '.join(sorted(nodes))}")


def members_of(node: str, members: Sequence[Member]) -> list[Member]:
    """Returns a node's etcd members. K3s names a member after its node, with eight hexadecimal digits appended."""
    return [member for member in members if re.fullmatch(rf"{re.escape(node)}-[0-9a-f]{{8}}", member.name)]


def check_removal(node: str, is_server: bool, reports: Mapping[str, EtcdReport | None]) -> None:
    """Raise InputError if the node is the last server, or if etcd would lose its quorum without it.

    `reports`: of the remaining servers, None for one that does not answer. A quorum of them must agree to the removal.
    """
    if not is_server:
        return
    answering = [report for report in reports.values() if report]
    if not answering:
        raise InputError(
            f"{node}: is the last server that answers; `invoke uninstall` takes down the whole cluster"
        )
    voters = [member for member in answering[0].members if not member.learner]
    removed = members_of(node, voters)
    remaining = [member.name for member in voters if member not in removed]
    if not remaining:
        raise InputError(f"{node}: is the last server; `invoke uninstall` takes down the whole cluster")
    healthy = {report.name for report in answering if report.healthy}
    missing = sorted(set(remaining) - healthy)
    agreeing, needed = len(remaining) - len(missing), len(remaining) // 2 + 1
    if agreeing < needed:
        raise InputError(
            f"{node}: without it etcd would have {agreeing} healthy of {len(remaining)} voters and needs {needed} "
            f"(not healthy: {', '.join(missing)}); repair those first"
        )
