"""What servers say of the etcd they share, and whether it may lose one of them for a while."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from skerry.model.fact_output import sections


@dataclass(frozen=True)
class Member:
    """A member as its cluster lists it. It has no name until it has started for the first time."""

    id: int
    name: str
    learner: bool


@dataclass(frozen=True)
class EtcdReport:
    """What one server says. `voter`: the node's condition EtcdIsVoter, "" where its K3s has none (before 1.25.16)."""

    name: str
    healthy: bool
    leader: bool
    api_ready: bool
    node_ready: bool
    voter: str
    members: tuple[Member, ...]

    @property
    def member(self) -> Member | None:
        """This server's own entry in the list."""
        return next((each for each in self.members if each.name == self.name), None)

    @property
    def ids(self) -> frozenset[int]:
        return frozenset(each.id for each in self.members)


EtcdReports = Mapping[str, "EtcdReport | None"]
"""By server; None for one that says nothing."""


def parse(lines: Iterable[str]) -> EtcdReport | None:
    """From the output of skerry/facts/etcd.sh; None where no etcd runs."""
    found = sections(lines)
    text = "\n".join(found.get("members", []))
    if not text.startswith("["):
        return None
    node = "".join(found["node"])
    conditions = json.loads(node)["status"].get("conditions", []) if node.startswith("{") else []
    states = {each["type"]: each["status"] for each in conditions}
    return EtcdReport(
        name="".join(found["name"]),
        healthy=_is_healthy("".join(found["health"])),
        leader="".join(found["leader"]) == "1",
        api_ready="".join(found["ready"]) == "ok",
        node_ready=states.get("Ready") == "True",
        voter=states.get("EtcdIsVoter", ""),
        members=tuple(
            Member(int(each["id"]), each.get("name", ""), each.get("isLearner", False))
            for each in json.loads(text)
        ),
    )


def _is_healthy(text: str) -> bool:
    """From the body of etcd's /health, which asks for the agreement of a majority."""
    return text.startswith("{") and str(json.loads(text).get("health")) == "true"


def member_problem(server: str, reports: EtcdReports) -> str:
    """What `server` still lacks to be a full member of the one cluster of all who report; "" when it is one."""
    mine = reports.get(server)
    if mine is None:
        return "its etcd does not answer"
    if not mine.api_ready:
        return "its API server is not ready"
    if not mine.node_ready:
        return "its node is not Ready"
    if not mine.healthy:
        return "its etcd member is not healthy"
    if mine.member is None:
        return "it is not in its own list of etcd's members"
    if mine.member.learner or mine.voter == "False":
        return "its etcd member has no vote yet"
    for other, report in reports.items():
        if report and mine.ids.isdisjoint(report.ids):
            return f"it is in another etcd cluster than {other}"
        if report and mine.ids != report.ids:
            return f"it and {other} do not agree on etcd's members yet"
    return ""


def quorum_blocker(server: str, reports: EtcdReports) -> str:
    """Why etcd cannot be without `server` for a while; "" when it can, or when it is the only member anyway.

    A majority of voters must remain: https://etcd.io/docs/v3.5/faq/#what-is-failure-tolerance
    """
    mine = reports.get(server)
    if mine is None:
        return ""  # it is not there: nothing is lost
    voters = [each for each in mine.members if not each.learner]
    if len(voters) <= 1 or mine.name not in {each.name for each in voters}:
        return ""
    healthy = {
        report.name for report in reports.values() if report and report.healthy and report.ids == mine.ids
    }
    others = [each.name for each in voters if each.name != mine.name]
    left, needed = [name for name in others if name in healthy], len(voters) // 2 + 1
    if len(left) >= needed:
        return ""
    missing = ", ".join(sorted(name or "one that never started" for name in others if name not in healthy))
    why = f"; not healthy: {missing}" if missing else ""
    return (
        f"etcd has {len(voters)} voters and needs {needed}, without {server} it would have {len(left)}{why}"
    )
