"""Settings that K3s refuses, drop-ins, and switches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.doubles.standin import (
    RESERVATIONS,
    VERSION,
    Standin,
)


@pytest.mark.parametrize(
    ("config", "command", "message"),
    [
        ("wrte-kubeconfig-mode: '0600'", "server", "flag provided but not defined: -wrte-kubeconfig-mode"),
        ("cluster-init: true", "agent", "flag provided but not defined: -cluster-init"),
        ("cluster-init: maybe", "server", "invalid boolean value"),
        ("https-listen-port: http", "server", "invalid value"),
        ("flannel-backend: calico", "server", "unknown flannel backend"),
        ("token-file: /nowhere/token", "server", "no such file or directory"),
        ("write-kubeconfig-mode: 0600", "server", "ambiguous, quote it"),
        ("server: https://x", "server", "token is required to join a cluster"),
        ("server: https://x", "agent", "--token is required"),
        ("kubelet-arg: max-pots=5", "server", "unknown flag: --max-pots"),
        ("kubelet-arg: system-reserved=cpu", "server", "malformed pair, expect string=string"),
        ("kubelet-arg: kube-reserved=memory=1GiB", "server", "--kube-reserved value failed to parse"),
        ("kubelet-arg: kube-reserved=memory=900Ti", "server", "Expected capacity >= reservation"),
        ("node-label: node-role.kubernetes.io/worker=true", "server", "unknown 'kubernetes.io'"),
    ],
)
def test_refused(standin: Standin, config: str, command: str, message: str) -> None:
    standin.config.write_text(config + "\n")
    last = standin.start_fails(command=command)
    assert "level=fatal" in last
    assert message in last


def test_drop_ins_override_and_append_and_a_switch_lets_unknown_keys_pass(standin: Standin) -> None:
    folder = Path(f"{standin.config}.d")
    folder.mkdir()
    standin.config.write_text("node-label:\n- a=1\nwrite-kubeconfig-mode: '0600'\n")
    (folder / "10-more.yaml").write_text("node-label+: b=2\ntypo: x\n")
    (folder / "20-last.yml").write_text("write-kubeconfig-mode: '0640'\n")
    standin.set(unknown_keys="skip")
    standin.start("--node-label=c=3")
    labels = standin.until_ready()["metadata"]["labels"]
    assert [labels.get(name) for name in "abc"] == ["1", "2", "3"]
    assert standin.kubeconfig.stat().st_mode & 0o777 == 0o640
    assert "Unknown flag --typo found in config.yaml, skipping" in standin.log()


def test_switches_from_a_file(standin: Standin) -> None:
    switches = standin.folder / "switches.json"
    switches.write_text(json.dumps({"fail_start": "disk on fire", "only_version": VERSION}))
    assert 'msg="disk on fire"' in standin.start_fails()
    switches.write_text(json.dumps({"fail_start": "disk on fire", "only_version": "v1.37.1+k3s1"}))
    standin.start()
    standin.until_ready()
    standin.stop()
    switches.write_text(json.dumps({"never_ready": True, "allocatable_wrong": True}))
    standin.config.write_text("cluster-init: true\n" + RESERVATIONS)
    standin.start()
    node = standin.until_ready(status="False")
    assert node["status"]["allocatable"] == node["status"]["capacity"]
