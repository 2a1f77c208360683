"""The files of a node, and the digest of everything that K3s runs with."""

from __future__ import annotations

import re
import string
from dataclasses import replace
from pathlib import Path

import pytest

from skerry import templates
from skerry.model.artifacts import ArtifactSource
from skerry.model.files import File
from skerry.model.k3s.node import Node
from tests.unit.conftest import MakeSettings


@pytest.mark.parametrize(
    "changes",
    [{"max_pods": 50}, {"k3s_disable": ["traefik"]}, {"eviction_hard": None}],
)
def test_the_digest_changes_with_the_configuration(
    node: Node, make_settings: MakeSettings, changes: dict[str, object]
) -> None:
    if "eviction_hard" in changes:
        changes = {"eviction_hard": node.settings.eviction_hard | {"memory.available": "200Mi"}}
    assert replace(node, settings=make_settings(**changes)).digest != node.digest


def test_the_digest_changes_with_the_binary_but_not_with_settings_outside_of_k3s(
    node: Node, make_settings: MakeSettings
) -> None:
    other = {"k3s": ArtifactSource("https://mirror.example/k3s", "b" * 64)}
    assert replace(node, sources=other).digest != node.digest
    with_images = node.sources | {
        "k3s-airgap-images-amd64.tar.zst": ArtifactSource(Path("artifacts/images"), "c" * 64)
    }
    assert replace(node, sources=with_images).digest != node.digest  # K3s imports images at its start
    from_folder = {"k3s": ArtifactSource(Path("artifacts/k3s"), "a" * 64)}
    same = make_settings(packages_extra=["htop"], country="NO", k3s_ready_timeout_seconds=9)
    assert replace(node, sources=from_folder, settings=same).digest == node.digest


def test_only_root_can_read_the_configuration(node: Node) -> None:
    modes = {file.path: file.mode for file in [*node.files, node.environment]}
    assert modes["/etc/rancher/k3s/config.yaml"] == modes["/etc/systemd/system/k3s.service.env"] == "600"


def test_the_role_is_the_only_placeholder_of_the_unit() -> None:
    text = templates.text("k3s/k3s.service")
    assert re.findall(r"\$\w+", text) == ["$role"]
    assert "ExecStart=/usr/local/bin/k3s agent\n" in string.Template(text).substitute(role="agent")


def test_a_joining_node_has_the_servers_address_instead_of_cluster_init(node: Node) -> None:
    config = {file.path: file.content for file in replace(node, server_url="https://192.0.2.1:6443").files}
    text = config["/etc/rancher/k3s/config.yaml"]
    assert "server: https://192.0.2.1:6443\n" in text
    assert "cluster-init" not in text
    first = {file.path: file.content for file in node.files}["/etc/rancher/k3s/config.yaml"]
    assert "cluster-init: true\n" in first
    for config_text in (text, first):
        assert "agent-token-file: /etc/rancher/k3s/agent-token\n" in config_text


def test_the_environment_has_the_version_but_no_secret(node: Node) -> None:
    secret = File("/etc/rancher/k3s/config.yaml.d/50-skerry-s3.yaml", "etcd-s3-secret-key: 0x1\n", "600")
    with_s3 = replace(node, credentials=(secret,))
    assert f"SKERRY_K3S_VERSION={node.settings.k3s_version}\n" in node.environment.content
    assert with_s3.digest != node.digest  # other credentials need a restart
    assert "0x1" not in repr(with_s3)
