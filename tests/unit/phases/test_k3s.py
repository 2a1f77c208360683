"""When K3s is restarted, and what counts as a node that is as reserved."""

from __future__ import annotations

import re
import string
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from skerry import templates
from skerry.facts.k3s import K3s, K3sState
from skerry.model.artifacts import ArtifactSource
from skerry.model.files import File
from skerry.model.k3s.reservations import RECIPE
from skerry.model.preparation.host_facts import HostFacts
from skerry.model.quantity import MIB
from skerry.phases.k3s.compare import allocatable_problem
from skerry.phases.k3s.node import Node
from skerry.phases.k3s.restart import action_needed, needs_drain
from skerry.phases.k3s.rollout import server_order
from tests.unit.conftest import MakeSettings

STARTED = 1_700_000_000  # 2023-11-14T22:13:20Z
CAPACITY = {"cpu": "2", "memory": "4000000Ki"}
LEFT = {"cpu": "1", "memory": f"{4000000 - (512 + 512 + 100) * 1024}Ki"}


def node_object(
    allocatable: dict[str, str], ready: str = "True", heard: str = "2023-11-14T22:13:31Z"
) -> dict[str, object]:
    conditions = [
        {"type": "MemoryPressure", "status": "False", "lastHeartbeatTime": heard},
        {"type": "Ready", "status": ready, "lastHeartbeatTime": heard},
    ]
    return {"status": {"capacity": CAPACITY, "allocatable": allocatable, "conditions": conditions}}


@pytest.fixture
def wanted(make_settings: MakeSettings) -> Node:
    return Node(
        "server", make_settings(), RECIPE, {"k3s": ArtifactSource("https://mirror.example/k3s", "a" * 64)}
    )


@pytest.fixture
def healthy(wanted: Node) -> K3sState:
    return K3sState(
        binary="a" * 64,
        links={},
        elsewhere=frozenset(),
        files={},
        tokens={},
        active="active",
        enabled=True,
        reload_needed=False,
        running=wanted.digest,
        started=STARTED,
        node=node_object(LEFT),
    )


def test_a_healthy_node_is_left_alone(wanted: Node, healthy: K3sState) -> None:
    assert action_needed(wanted, healthy) == ""
    assert allocatable_problem(wanted, healthy) == ""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"running": "something else"}, "restart"),
        ({"running": ""}, "restart"),
        ({"active": "inactive"}, "restart"),
        ({"active": "failed"}, "restart"),
        ({"enabled": False}, "restart"),
        ({"active": "activating", "node": {}}, "wait"),
        ({"node": node_object(LEFT, ready="False")}, "wait"),
        ({"node": node_object(LEFT, heard="2023-11-14T22:13:20Z")}, "wait"),  # by the process before this one
        ({"node": {}}, "wait"),
        ({"loaded": frozenset({"/etc/rancher/k3s/config.yaml"})}, "restart"),  # it was not ours at the start
        ({"loaded": frozenset({"/usr/local/bin/k3s-killall.sh"})}, ""),
        ({"loaded": frozenset({"/usr/local/bin/k3s"}), "links": {"k3s": "another version"}}, "restart"),
    ],
)
def test_what_calls_for_a_restart_and_what_for_patience(
    wanted: Node, healthy: K3sState, change: dict[str, object], expected: str
) -> None:
    assert action_needed(wanted, replace(healthy, **change)) == expected  # type: ignore[arg-type]


def test_a_unit_that_was_mended_is_started_anew_unless_the_node_is_ready_all_the_same(
    wanted: Node, healthy: K3sState
) -> None:
    mended = replace(healthy, reload_needed=True)
    assert action_needed(wanted, mended) == ""
    assert action_needed(wanted, replace(mended, node=node_object(LEFT, ready="False"))) == "restart"


@pytest.mark.parametrize(
    "changes",
    [{"max_pods": 50}, {"k3s_disable": ["traefik"]}, {"eviction_hard": None}],
)
def test_the_digest_follows_every_change_of_configuration(
    wanted: Node, make_settings: MakeSettings, changes: dict[str, object]
) -> None:
    if "eviction_hard" in changes:
        changes = {"eviction_hard": wanted.settings.eviction_hard | {"memory.available": "200Mi"}}
    assert replace(wanted, settings=make_settings(**changes)).digest != wanted.digest


def test_the_digest_follows_the_binary_and_not_what_k3s_never_sees(
    wanted: Node, make_settings: MakeSettings
) -> None:
    other = {"k3s": ArtifactSource("https://mirror.example/k3s", "b" * 64)}
    assert replace(wanted, sources=other).digest != wanted.digest
    with_images = wanted.sources | {
        "k3s-airgap-images-amd64.tar.zst": ArtifactSource(Path("artifacts/images"), "c" * 64)
    }
    assert replace(wanted, sources=with_images).digest != wanted.digest  # K3s imports them at its start
    elsewhere = {"k3s": ArtifactSource(Path("artifacts/k3s"), "a" * 64)}
    same = make_settings(packages_extra=["htop"], country="NO", k3s_ready_timeout_seconds=9)
    assert replace(wanted, sources=elsewhere, settings=same).digest == wanted.digest


def test_the_configuration_is_for_root_alone(wanted: Node) -> None:
    modes = {file.path: file.mode for file in [*wanted.files, wanted.environment]}
    assert modes["/etc/rancher/k3s/config.yaml"] == modes["/etc/systemd/system/k3s.service.env"] == "600"


@pytest.mark.parametrize(
    "allocatable", [CAPACITY, LEFT | {"cpu": "1500m"}, LEFT | {"memory": f"{4000000 - 1024 * 1024}Ki"}]
)
def test_a_node_that_gives_pods_something_else_is_told_with_figures(
    wanted: Node, healthy: K3sState, allocatable: dict[str, str]
) -> None:
    problem = allocatable_problem(wanted, replace(healthy, node=node_object(allocatable)))
    assert str(4000000 * 1024 - 1124 * MIB) in problem
    assert "\n" not in problem


def test_a_node_that_cannot_be_read_is_a_problem(wanted: Node, healthy: K3sState) -> None:
    assert "could not be read back" in allocatable_problem(wanted, replace(healthy, node={}))


def test_the_unit_has_no_placeholder_but_the_role() -> None:
    text = templates.text("k3s/k3s.service")
    assert re.findall(r"\$\w+", text) == ["$role"]
    assert "ExecStart=/usr/local/bin/k3s agent\n" in string.Template(text).substitute(role="agent")


def test_output_of_a_host_without_k3s_is_understood() -> None:
    lines = [
        "@binary",
        "@images",
        "@links",
        "@elsewhere",
        "@files",
        "@tokens",
        "@cluster",
        "@drained",
        "@restore",
        "@unit",
        "inactive",
        "",
        "no",
        "@running",
        "@started",
        "@loaded",
        "@node",
    ]
    state = K3s().process(lines)
    assert (state.binary, state.active, state.enabled, state.node) == ("", "inactive", False, {})


def host_facts(datastore: str, state: str) -> HostFacts:
    known = {"datastore": datastore, "server_state": state}
    return cast(HostFacts, SimpleNamespace(**known))


def test_servers_are_seen_to_in_an_order_that_etcd_can_bear() -> None:
    """What is not up comes first, what runs next, what is new last; else as the inventory has them."""
    fresh, runs, down = host_facts("", "inactive"), host_facts("etcd", "active"), host_facts("etcd", "failed")
    names = ["a", "b", "c"]
    assert server_order(names, dict.fromkeys(names, fresh)) == names
    assert server_order(names, dict.fromkeys(names, runs)) == names
    assert server_order(names, {"a": runs, "b": fresh, "c": down}) == ["c", "a", "b"]
    starting = host_facts("etcd", "activating")
    assert server_order(names, {"a": runs, "b": runs, "c": starting}) == ["c", "a", "b"]
    assert server_order(names, {"a": runs, "b": runs}) == ["a", "b"]  # the third is not of this run


def test_a_node_that_joins_has_the_address_and_no_init(wanted: Node) -> None:
    config = {each.path: each.content for each in replace(wanted, server_url="https://192.0.2.1:6443").files}
    text = config["/etc/rancher/k3s/config.yaml"]
    assert "server: https://192.0.2.1:6443\n" in text
    assert "cluster-init" not in text
    first = {each.path: each.content for each in wanted.files}["/etc/rancher/k3s/config.yaml"]
    assert "cluster-init: true\n" in first
    for each in (text, first):
        assert "agent-token-file: /etc/rancher/k3s/agent-token\n" in each


def test_pods_go_elsewhere_for_another_version_and_where_there_is_an_elsewhere(
    wanted: Node, healthy: K3sState
) -> None:
    def running(version: str, **changes: object) -> K3sState:
        status = {**healthy.node["status"], "nodeInfo": {"kubeletVersion": version}}
        return replace(healthy, node={"status": status}, **changes)  # type: ignore[arg-type]

    assert needs_drain(wanted, running("v1.36.2+k3s1"), hosts=2)
    assert not needs_drain(wanted, running(wanted.settings.k3s_version), hosts=2)
    not_ready = running("v1.36.2+k3s1", started=2 * STARTED)
    assert not needs_drain(wanted, not_ready, hosts=2)  # it could end no pods
    assert not needs_drain(wanted, replace(healthy, node={}), hosts=2)
    assert not needs_drain(wanted, running("v1.36.2+k3s1"), hosts=1)


def test_the_environment_tells_the_version_and_no_secret(wanted: Node) -> None:
    secret = File("/etc/rancher/k3s/config.yaml.d/50-skerry-s3.yaml", "etcd-s3-secret-key: 0x1\n", "600")
    with_s3 = replace(wanted, credentials=(secret,))
    assert f"SKERRY_K3S_VERSION={wanted.settings.k3s_version}\n" in wanted.environment.content
    assert with_s3.digest != wanted.digest  # other credentials call for a restart
    assert "0x1" not in repr(with_s3)
