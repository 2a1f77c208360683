"""The state of the servers' etcd, and whether a server may be stopped without losing quorum."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from skerry.model.fact_output import sections


@dataclass(frozen=True)
class Member:
    """An entry in etcd's list of members. `name` is empty until the member has started for the first time."""

    id: int
    name: str
    learner: bool


@dataclass(frozen=True)
class EtcdReport:
    """What one server reports about itself and the list of members.

    `voter`: the status of the node's condition EtcdIsVoter, "True" or "False"; "" if K3s, before 1.25.16, does not
    set it.
    """

    name: str
    healthy: bool
    leader: bool
    api_ready: bool
    node_ready: bool
    voter: str
    members: tuple[Member, ...]

    @property
    def member(self) -> Member | None:
        """The entry of the server itself."""
        return next((member for member in self.members if member.name == self.name), None)

    @property
    def ids(self) -> frozenset[int]:
        return frozenset(member.id for member in self.members)


EtcdReports = Mapping[str, "EtcdReport | None"]
"""Reports by server; None if the server, or etcd on it, does not answer."""


def parse(lines: Iterable[str]) -> EtcdReport | None:
    """Read the report from the output of skerry/facts/etcd.sh. Returns None if etcd does not answer there."""
    raw = sections(lines)
    text = "\n".join(raw.get("members", []))
    if not text.startswith("["):
        return None
    node = "".join(raw["node"])
    conditions = json.loads(node)["status"].get("conditions", []) if node.startswith("{") else []
    states = {condition["type"]: condition["status"] for condition in conditions}
    return EtcdReport(
        name="".join(raw["name"]),
        healthy=_is_healthy("".join(raw["health"])),
        leader="".join(raw["leader"]) == "1",
        api_ready="".join(raw["ready"]) == "ok",
        node_ready=states.get("Ready") == "True",
        voter=states.get("EtcdIsVoter", ""),
        members=tuple(
            Member(int(member["id"]), member.get("name", ""), member.get("isLearner", False))
            for member in json.loads(text)
        ),
    )


def _is_healthy(text: str) -> bool:
    """Whether the body of etcd's /health says "true", a string. etcd says so only while it has a quorum."""
    return text.startswith("{") and str(json.loads(text).get("health")) == "true"


def member_problem(server: str, reports: EtcdReports) -> str:
    """Why `server` is not yet a full member of the same etcd cluster as all reporting servers; "" if it is."""
    report = reports.get(server)
    if report is None:
        return "its etcd does not answer"
    if not report.api_ready:
        return "its API server is not ready"
    if not report.node_ready:
        return "its node is not Ready"
    if not report.healthy:
        return "its etcd member is not healthy"
    if report.member is None:
        return "it is not in its own list of etcd's members"
    if report.member.learner or report.voter == "False":
        return "its etcd member has no vote yet"
    for peer, peer_report in reports.items():
        if peer_report and report.ids.isdisjoint(peer_report.ids):
            return f"it is not in the same etcd cluster as {peer}"
        if peer_report and report.ids != peer_report.ids:
            return f"it and {peer} list different etcd members"
    return ""


def quorum_blocker(server: str, reports: EtcdReports) -> str:
    """Why stopping `server` would cost etcd its quorum.

    Returns "" if it would not, if `server` does not answer or has no vote, and if it is the only voter. A majority of
    voters must remain: https://etcd.io/docs/v3.5/faq/#what-is-failure-tolerance
    """
    report = reports.get(server)
    if report is None:
        return ""  # the server is down already
    voters = [member for member in report.members if not member.learner]
    if len(voters) <= 1 or report.name not in {member.name for member in voters}:
        return ""
    healthy = {peer.name for peer in reports.values() if peer and peer.healthy and peer.ids == report.ids}
    others = [member.name for member in voters if member.name != report.name]
    remaining = [name for name in others if name in healthy]
    needed = len(voters) // 2 + 1
    if len(remaining) >= needed:
        return ""
    missing = ", ".join(
        sorted(name or "a member that never started" for name in others if name not in healthy)
    )
    reason = f"; not healthy: {missing}" if missing else ""
    return f"etcd has {len(voters)} voters and needs {needed}; without {server} it would have {len(remaining)}{reason}"
