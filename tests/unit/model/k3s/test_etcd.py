"""When a server is a full member of etcd, and when stopping one keeps quorum."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from skerry.model.errors import InputError
from skerry.model.k3s.etcd import EtcdReport, Member, member_problem, parse, quorum_blocker
from skerry.model.k3s.node_removal import check_removal, members_of, node_of

NAMES = ("a-00000001", "b-00000002", "c-00000003")
MEMBERS = tuple(Member(number, name, learner=False) for number, name in enumerate(NAMES, start=1))


def report(name: str, members: tuple[Member, ...] = MEMBERS, **changes: object) -> EtcdReport:
    healthy = EtcdReport(name, True, False, True, True, "True", members)
    return replace(healthy, **changes)  # type: ignore[arg-type]


@pytest.fixture
def reports() -> dict[str, EtcdReport | None]:
    return {name[0]: report(name) for name in NAMES}


def test_the_output_of_a_server_is_parsed() -> None:
    node = {
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "EtcdIsVoter", "status": "False"}]
        }
    }
    members = [{"id": 2**63 + 1, "name": "a-1", "isLearner": True}, {"id": 7, "peerURLs": ["https://x:2380"]}]
    lines = ["@name", "a-1", "@health", '{"health":"true","reason":""}', "@leader", "0", "@members"]
    lines += [json.dumps(members), "@ready", "ok", "@node", json.dumps(node)]
    parsed = parse(lines)
    assert parsed == EtcdReport(
        "a-1", True, False, True, True, "False", (Member(2**63 + 1, "a-1", True), Member(7, "", False))
    )


@pytest.mark.parametrize("body", ['{"health":"false","reason":"RAFT NO LEADER"}', "", "404 page not found"])
def test_anything_but_health_is_not_healthy(body: str) -> None:
    lines = ["@name", "a-1", "@health", body, "@leader", "@members", "[]", "@ready", "@node"]
    parsed = parse(lines)
    assert parsed
    assert (parsed.healthy, parsed.api_ready, parsed.node_ready, parsed.leader) == (False,) * 4


def test_no_etcd_no_report() -> None:
    assert parse(["@name", "@health", "", "@leader", "@members", "", "@ready", "", "@node"]) is None


def test_a_full_member_has_settled(reports: dict[str, EtcdReport | None]) -> None:
    assert member_problem("a", reports) == ""
    reports["b"] = None  # another server that is down does not matter
    assert member_problem("a", reports) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"api_ready": False}, "API server is not ready"),
        ({"node_ready": False}, "node is not Ready"),
        ({"healthy": False}, "not healthy"),
        ({"voter": "False"}, "no vote yet"),
        ({"name": "a-other"}, "not in its own list"),
        ({"members": (replace(MEMBERS[0], learner=True), *MEMBERS[1:])}, "no vote yet"),
        ({"members": MEMBERS[:2]}, "list different"),
        ({"members": (Member(9, NAMES[0], False),)}, "not in the same etcd cluster as b"),
    ],
)
def test_what_a_member_lacks(
    reports: dict[str, EtcdReport | None], changes: dict[str, object], words: str
) -> None:
    reports["a"] = replace(report(NAMES[0]), **changes)  # type: ignore[arg-type]
    assert words in member_problem("a", reports)


def test_a_server_that_does_not_answer_is_no_full_member(reports: dict[str, EtcdReport | None]) -> None:
    reports["a"] = None
    assert "does not answer" in member_problem("a", reports)


def test_one_of_three_may_stop_only_while_the_others_are_healthy(
    reports: dict[str, EtcdReport | None],
) -> None:
    assert quorum_blocker("a", reports) == ""
    for down in (None, report(NAMES[1], healthy=False)):
        assert "needs 2; without a it would have 1; not healthy: b-00000002" in quorum_blocker(
            "a", reports | {"b": down}
        )
        assert quorum_blocker("b", reports | {"b": None}) == ""  # it is down already, so nothing is lost


def test_learners_do_not_count_but_unknown_members_do(reports: dict[str, EtcdReport | None]) -> None:
    learner = (*MEMBERS[:2], replace(MEMBERS[2], learner=True))
    two = {name[0]: report(name, learner) for name in NAMES}
    assert "2 voters and needs 2; without a it would have 1" in quorum_blocker("a", two)
    assert quorum_blocker("c", two) == ""
    with_unknown = (*MEMBERS, Member(4, "", False))
    four = {name[0]: report(name, with_unknown) for name in NAMES}
    assert "not healthy: a member that never started" in quorum_blocker("a", four)


def test_a_single_server_may_be_restarted() -> None:
    alone = (MEMBERS[0],)
    assert quorum_blocker("a", {"a": report(NAMES[0], alone)}) == ""


def test_one_of_five_may_stop_while_one_is_down() -> None:
    members = (*MEMBERS, Member(4, "d-00000004", False), Member(5, "e-00000005", False))
    five = {member.name[0]: report(member.name, members) for member in members}
    assert quorum_blocker("a", five | {"e": None}) == ""
    assert "needs 3; without a it would have 2" in quorum_blocker("a", five | {"e": None, "d": None})


def test_a_node_is_found_by_name_or_address_and_its_member_by_name() -> None:
    nodes = {"a": {"status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}]}}}
    assert node_of("A", [], nodes) == "a"
    assert node_of("oslo-1", ["192.0.2.1"], nodes) == "a"
    with pytest.raises(InputError, match="no node of this cluster; the nodes are a"):
        node_of("oslo-2", ["192.0.2.2"], nodes)
    assert members_of("a", [*MEMBERS, Member(9, "a-b-00000009", False)]) == [MEMBERS[0]]


def test_a_server_that_etcd_needs_is_not_removed(reports: dict[str, EtcdReport | None]) -> None:
    others = {name: reports[name] for name in ("b", "c")}
    check_removal("a", True, others)
    check_removal("agent", False, {})
    with pytest.raises(InputError, match=r"1 healthy of 2 voters and needs 2 \(not healthy: c-00000003\)"):
        check_removal("a", True, others | {"c": None})
    with pytest.raises(InputError, match="last server"):
        check_removal("a", True, {"b": None, "c": None})
