"""Whether a node may go, judged before anything is touched."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from skerry.model.errors import InputError
from skerry.model.k3s.etcd import EtcdReport, Member


def node_of(host: str, addresses: Sequence[str], nodes: Mapping[str, dict[str, Any]]) -> str:
    """The node that runs on a host: of its name, or of one of its addresses. Raises InputError with those there are."""
    if host.lower() in nodes:
        return host.lower()
    for name, node in nodes.items():
        if {each["address"] for each in node["status"].get("addresses", [])} & set(addresses):
            return name
    raise InputError(f"{host}: is no node of this cluster; there are {', '.join(sorted(nodes))}")


def members_of(node: str, members: Sequence[Member]) -> list[Member]:
    """A node's members of etcd: K3s names them after it, with eight hexadecimal digits."""
    return [each for each in members if re.fullmatch(rf"{re.escape(node)}-[0-9a-f]{{8}}", each.name)]


def check(node: str, is_server: bool, reports: Mapping[str, EtcdReport | None]) -> None:
    """Raises InputError, one line, when the node is the last server or etcd could not do without it.

    `reports`: of the servers that stay, which also have to agree to the removal.
    """
    if not is_server:
        return
    known = {server: report for server, report in reports.items() if report}
    if not known:
        raise InputError(
            f"{node}: is the last server that answers; `invoke uninstall` takes down the whole cluster"
        )
    members = next(iter(known.values())).members
    voters = [each for each in members if not each.learner]
    going = members_of(node, voters)
    healthy = {report.name for report in known.values() if report.healthy}
    left = len(voters) - len(going)
    if left == 0:
        raise InputError(f"{node}: is the last server; `invoke uninstall` takes down the whole cluster")
    agreeing = sum(each.name in healthy for each in voters if each not in going)
    needed = left // 2 + 1
    if agreeing < needed:
        missing = ", ".join(
            sorted(each.name for each in voters if each not in going and each.name not in healthy)
        )
        raise InputError(
            f"{node}: without it etcd would have {agreeing} healthy of {left} voters and needs {needed} "
            f"(not healthy: {missing}); mend those first"
        )
