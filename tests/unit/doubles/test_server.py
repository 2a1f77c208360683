"""A running server: the node, the files, kubectl, agents, snapshots."""

from __future__ import annotations

import hashlib
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from fractions import Fraction

import pytest
import yaml

from tests.doubles.k3s_standin import quantity
from tests.unit.doubles.standin import (
    PATIENCE_SECONDS,
    VERSION,
    Standin,
    condition_of,
    wait_for,
)


def test_systemd_is_notified(server: Standin) -> None:
    assert (server.folder / "notified").read_text() == "READY=1"
    assert 'level=info msg="Starting k3s v1.36.3+k3s1 (stand-in)"' in server.log()


def test_allocatable_is_capacity_less_reservations(server: Standin) -> None:
    status = server.node()["status"]
    capacity, allocatable = status["capacity"], status["allocatable"]
    assert quantity.parse(capacity["cpu"]) - quantity.parse(allocatable["cpu"]) == Fraction(1, 2)
    mib = (quantity.parse(capacity["memory"]) - quantity.parse(allocatable["memory"])) / 1024**2
    assert mib == 512 + 256 + 100
    disk = quantity.parse(allocatable["ephemeral-storage"]) / quantity.parse(capacity["ephemeral-storage"])
    assert abs(disk - Fraction(9, 10)) < Fraction(1, 10**6)
    assert allocatable["pods"] == "50"


def test_configz_has_the_kubelets_arguments(server: Standin) -> None:
    configz = server.ask("/api/v1/nodes/one/proxy/configz")["kubeletconfig"]
    assert configz["systemReserved"] == {"cpu": "250m", "memory": "512Mi"}
    assert configz["evictionHard"] == {"memory.available": "100Mi", "nodefs.available": "10%"}
    assert configz["maxPods"] == 50


def test_node_looks_like_a_k3s_server(server: Standin) -> None:
    node = server.node()
    assert node["status"]["nodeInfo"]["kubeletVersion"] == VERSION
    assert node["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] == "true"
    assert condition_of(node, "EtcdIsVoter") == "True"


def test_clients_without_a_certificate_are_refused_over_verified_tls(server: Standin) -> None:
    context = ssl.create_default_context(cafile=server.data / "server/tls/server-ca.crt")
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(f"https://127.0.0.1:{server.port}/readyz", context=context, timeout=5)
    assert refusal.value.code == 401
    refusal.value.close()


def test_files_are_where_k3s_leaves_them(server: Standin) -> None:
    folder = server.data / "server"
    ca = (folder / "tls/server-ca.crt").read_bytes()
    token = (folder / "token").read_text().strip()
    assert token.startswith(f"K10{hashlib.sha256(ca).hexdigest()}::server:")
    assert (folder / "node-token").is_symlink()
    assert (folder / "node-token").read_text().strip() == token
    assert (folder / "db/etcd/member").is_dir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert server.kubeconfig.stat().st_mode & 0o777 == 0o600
    kubeconfig = yaml.safe_load(server.kubeconfig.read_text())
    assert kubeconfig["clusters"][0]["cluster"]["server"] == f"https://127.0.0.1:{server.port}"
    assert kubeconfig["current-context"] == "default"


def test_real_kubectl_understands_it(server: Standin) -> None:
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed")
    for arguments in (["get", "nodes"], ["cordon", "one"], ["drain", "one"], ["uncordon", "one"]):
        answer = subprocess.run(
            ["kubectl", "--kubeconfig", server.kubeconfig, *arguments],
            env={**server.env, "HOME": str(server.folder)},
            text=True,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
        )
        assert answer.returncode == 0, answer.stderr
        if "get" in arguments:
            assert answer.stdout.splitlines()[0].split() == ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]
            assert answer.stdout.splitlines()[1].split()[:3] == ["one", "Ready", "control-plane,etcd"]


def test_its_own_kubectl(server: Standin) -> None:
    table = server.run("kubectl", "get", "nodes").stdout.splitlines()
    assert table[1].split()[:3] == ["one", "Ready", "control-plane,etcd"]
    assert server.run("kubectl", "drain", "one", "--ignore-daemonsets").stdout.endswith("node/one drained\n")
    assert server.node()["spec"]["unschedulable"] is True
    assert server.run("kubectl", "uncordon", "one").stdout == "node/one uncordoned\n"
    missing = server.run("kubectl", "get", "node", "three")
    assert (missing.returncode, missing.stderr) == (
        1,
        'Error from server (NotFound): nodes "three" not found\n',
    )
    assert server.run("kubectl", "apply", "-f", "x").returncode == 1


def test_agent_joins_and_leaves(server: Standin, standin: Standin) -> None:
    standin.config.write_text(f"server: https://127.0.0.1:{server.port}\n")
    standin.start(f"--token-file={server.data / 'server/node-token'}", command="agent")
    node = server.until_ready("two")
    assert "node-role.kubernetes.io/control-plane" not in node["metadata"]["labels"]
    assert standin.stop() == 0
    (standin.folder / "node/password").write_text("of another host with this name")
    standin.start(f"--token-file={server.data / 'server/node-token'}", command="agent")
    wait_for(lambda: "Node password rejected" in standin.log())
    assert server.run("kubectl", "delete", "node", "two").stdout == 'node "two" deleted\n'


def test_agent_trusts_only_the_ca_in_its_token(server: Standin, standin: Standin) -> None:
    standin.config.write_text(f"server: https://127.0.0.1:{server.port}\n")
    secret = (server.data / "server/token").read_text().strip().rpartition(":")[2]
    standin.start(f"--token=K10{'0' * 64}::server:{secret}", command="agent")
    wait_for(lambda: "token CA hash does not match the Cluster CA certificate hash" in standin.log())
    assert server.node("two") is None


def test_snapshot_brings_a_cluster_back(server: Standin, standin: Standin) -> None:
    saved = server.run(
        "etcd-snapshot", "save", *server.flags()[:2], f"--write-kubeconfig={server.kubeconfig}"
    )
    assert "saved." in saved.stderr
    assert "on-demand-one-" in server.run("etcd-snapshot", "ls", *server.flags()[:2]).stdout
    snapshot = next((server.data / "server/db/snapshots").glob("on-demand-*"))
    reset = ["--cluster-reset", f"--cluster-reset-restore-path={snapshot}"]
    assert "different token" in standin.start_fails(*reset, "--token=wrong")
    standin.start(*reset, f"--token-file={server.data / 'server/token'}")
    assert standin.process
    assert standin.process.wait(PATIENCE_SECONDS) == 0
    assert "restart without --cluster-reset flag now" in standin.log()
    ca = "server/tls/server-ca.crt"
    assert (standin.data / ca).read_bytes() == (server.data / ca).read_bytes()
