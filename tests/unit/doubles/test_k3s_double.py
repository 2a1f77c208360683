"""The stand-in for K3s keeps its promises: tests that use it are worth what it is worth.

It runs on loopback in a temporary folder, without root. SKERRY_TEST_PYTHON names another interpreter for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.doubles.k3s_standin import kubelet, quantity, yamlsubset
from tests.doubles.k3s_standin.kubelet_args import KubeletError
from tests.doubles.make_artifacts import build

VERSION = "v1.36.3+k3s1"
PYTHON = os.environ.get("SKERRY_TEST_PYTHON", sys.executable)
PATIENCE_SECONDS = 20
RESERVATIONS = """\
kubelet-arg:
- system-reserved=cpu=250m,memory=512Mi
- kube-reserved=cpu=250m,memory=256Mi
- eviction-hard=memory.available<100Mi,nodefs.available<10%
- max-pods=50
"""


class Double:
    """One host's worth of the stand-in: its files, its port, its process."""

    def __init__(self, folder: Path, binary: Path, name: str = "one") -> None:
        folder.mkdir(exist_ok=True)
        self.name = name
        self.folder, self.binary, self.port = folder, binary, _free_port()
        self.config, self.data, self.kubeconfig = folder / "config.yaml", folder / "data", folder / "k3s.yaml"
        self.config.write_text("cluster-init: true\n")
        self.process: subprocess.Popen[str] | None = None
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("K3S_", "KUBE", "SKERRY_"))
        }
        self.env = {**kept, "KUBECONFIG": str(self.kubeconfig)}
        self.set(start_seconds=0.1, ready_seconds=0.1, skip_kernel=1, skip_cgroup=1, token_wait_seconds=0.2)
        self.set(node_dir=folder / "node", file=folder / "switches.json", etcd_port=_free_port(2))

    def set(self, **switches: object) -> None:
        self.env.update({f"SKERRY_DOUBLE_{name.upper()}": str(value) for name, value in switches.items()})

    def flags(self, command: str = "server") -> list[str]:
        flags = [f"--config={self.config}", f"--data-dir={self.data}", "--node-ip=127.0.0.1"]
        if command == "agent":
            return [*flags, "--node-name=two"]
        own = [f"--https-listen-port={self.port}", f"--write-kubeconfig={self.kubeconfig}"]
        return [*flags, *own, "--bind-address=127.0.0.1", f"--node-name={self.name}"]

    def start(self, *extra: str, command: str = "server") -> None:
        arguments = [PYTHON, str(self.binary), command, *self.flags(command), *extra]
        with (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen(arguments, env=self.env, stderr=log, text=True)

    def start_fails(self, *extra: str, command: str = "server") -> str:
        """Expect it to end with exit code 1; the last line of its log."""
        self.start(*extra, command=command)
        assert self.process
        assert self.process.wait(PATIENCE_SECONDS) == 1, self.log()
        return self.log().splitlines()[-1]

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [PYTHON, str(self.binary), *arguments]
        return subprocess.run(command, env=self.env, text=True, capture_output=True, timeout=PATIENCE_SECONDS)

    def ask(self, path: str) -> Any:
        """What the API says, through the stand-in's own kubectl; None when it does not answer."""
        answer = self.run("kubectl", "get", "--raw", path)
        if answer.returncode:
            return None
        return json.loads(answer.stdout) if answer.stdout.startswith("{") else answer.stdout

    def node(self, name: str = "one") -> Any:
        return self.ask(f"/api/v1/nodes/{name}")

    def until_ready(self, name: str = "one", status: str = "True", seconds: float = PATIENCE_SECONDS) -> Any:
        """Wait until a node's Ready condition is as wanted; the node."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            node = self.node(name)
            if node and _condition(node, "Ready") == status:
                return node
        raise AssertionError(f"{name} is not Ready={status}: {self.node(name)}\n{self.log()}")


def _condition(node: Any, kind: str) -> str:
    return str({row["type"]: row["status"] for row in node["status"]["conditions"]}.get(kind))


def _free_port(how_many: int = 1) -> int:
    """The first of so many neighbours, below those that the kernel gives to clients meanwhile."""
    while True:
        first = random.randrange(10_000, 32_000)
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            for port in range(first, first + how_many):
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first


@contextlib.contextmanager
def _ended(*doubles: Double) -> Iterator[None]:
    try:
        yield
    finally:
        for double in doubles:
            if double.process and double.process.poll() is None:
                double.process.kill()
                double.process.wait(PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(VERSION, tmp_path_factory.mktemp("artifacts"))


@pytest.fixture
def double(tmp_path: Path, binary: Path) -> Iterator[Double]:
    double = Double(tmp_path, binary)
    with _ended(double):
        yield double


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, binary: Path) -> Iterator[Double]:
    """A Ready server with reservations; its first message to systemd is in `notified`."""
    double = Double(tmp_path_factory.mktemp("server"), binary)
    double.config.write_text("cluster-init: true\nnode-label: [] # none\n" + RESERVATIONS)
    address = double.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, _ended(double):
        sock.bind(str(address))
        sock.settimeout(PATIENCE_SECONDS)
        double.env["NOTIFY_SOCKET"] = str(address)
        double.start()
        (double.folder / "notified").write_bytes(sock.recv(100))
        double.until_ready()
        yield double


# The artifact.


def test_binary_says_what_it_is(binary: Path) -> None:
    said = subprocess.run([binary, "--version"], text=True, capture_output=True, check=True, timeout=5)
    assert said.stdout == f"k3s version {VERSION} (stand-in)\ngo version none\n"


def test_builds_repeat_and_versions_differ(tmp_path: Path, binary: Path) -> None:
    again = build(VERSION, tmp_path, pad_mib=0)
    other = build("v1.34.3+k3s1", tmp_path, "arm64", pad_mib=2, images=True)
    assert again.read_bytes() == binary.read_bytes()
    assert other.name == "k3s-arm64"
    assert other.stat().st_size > 2 * 1024 * 1024
    sums = (other.parent / "sha256sum-arm64.txt").read_text().splitlines()
    assert sums[0] == f"{hashlib.sha256(other.read_bytes()).hexdigest()}  k3s-arm64"
    assert sums[1].endswith("  k3s-airgap-images-arm64.tar.zst")


@pytest.mark.parametrize(
    ("name", "said"), [("crictl", "no containers"), ("kubectl", "localhost:8080 was refused")]
)
def test_called_by_another_name(tmp_path: Path, binary: Path, name: str, said: str) -> None:
    (tmp_path / name).symlink_to(binary)
    env = {**os.environ, "KUBECONFIG": str(tmp_path / "none")}
    answer = subprocess.run(
        [PYTHON, tmp_path / name, "get", "nodes"], env=env, text=True, capture_output=True, timeout=5
    )
    assert answer.returncode == 1
    assert said in answer.stderr


# A running server.


def test_systemd_is_told(server: Double) -> None:
    assert (server.folder / "notified").read_text() == "READY=1"
    assert 'level=info msg="Starting k3s v1.36.3+k3s1 (stand-in)"' in server.log()


def test_allocatable_is_capacity_less_reservations(server: Double) -> None:
    status = server.node()["status"]
    capacity, allocatable = status["capacity"], status["allocatable"]
    assert quantity.parse(capacity["cpu"]) - quantity.parse(allocatable["cpu"]) == Fraction(1, 2)
    mib = (quantity.parse(capacity["memory"]) - quantity.parse(allocatable["memory"])) / 1024**2
    assert mib == 512 + 256 + 100
    disk = quantity.parse(allocatable["ephemeral-storage"]) / quantity.parse(capacity["ephemeral-storage"])
    assert abs(disk - Fraction(9, 10)) < Fraction(1, 10**6)
    assert allocatable["pods"] == "50"


def test_configz_shows_what_the_kubelet_was_given(server: Double) -> None:
    shown = server.ask("/api/v1/nodes/one/proxy/configz")["kubeletconfig"]
    assert shown["systemReserved"] == {"cpu": "250m", "memory": "512Mi"}
    assert shown["evictionHard"] == {"memory.available": "100Mi", "nodefs.available": "10%"}
    assert shown["maxPods"] == 50


def test_node_looks_like_a_k3s_server(server: Double) -> None:
    node = server.node()
    assert node["status"]["nodeInfo"]["kubeletVersion"] == VERSION
    assert node["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] == "true"
    assert _condition(node, "EtcdIsVoter") == "True"


def test_strangers_are_refused_over_verified_tls(server: Double) -> None:
    context = ssl.create_default_context(cafile=server.data / "server/tls/server-ca.crt")
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(f"https://127.0.0.1:{server.port}/readyz", context=context, timeout=5)
    assert refusal.value.code == 401
    refusal.value.close()


def test_files_are_where_k3s_leaves_them(server: Double) -> None:
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


def test_real_kubectl_understands_it(server: Double) -> None:
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


def test_its_own_kubectl(server: Double) -> None:
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


def test_agent_joins_and_leaves(server: Double, double: Double) -> None:
    double.config.write_text(f"server: https://127.0.0.1:{server.port}\n")
    double.start(f"--token-file={server.data / 'server/node-token'}", command="agent")
    node = server.until_ready("two")
    assert "node-role.kubernetes.io/control-plane" not in node["metadata"]["labels"]
    assert double.stop() == 0
    (double.folder / "node/password").write_text("of another host with this name")
    double.start(f"--token-file={server.data / 'server/node-token'}", command="agent")
    _until(lambda: "Node password rejected" in double.log())
    assert server.run("kubectl", "delete", "node", "two").stdout == 'node "two" deleted\n'


def test_agent_trusts_only_the_ca_in_its_token(server: Double, double: Double) -> None:
    double.config.write_text(f"server: https://127.0.0.1:{server.port}\n")
    secret = (server.data / "server/token").read_text().strip().rpartition(":")[2]
    double.start(f"--token=K10{'0' * 64}::server:{secret}", command="agent")
    _until(lambda: "token CA hash does not match the Cluster CA certificate hash" in double.log())
    assert server.node("two") is None


def test_snapshot_brings_a_cluster_back(server: Double, double: Double) -> None:
    saved = server.run(
        "etcd-snapshot", "save", *server.flags()[:2], f"--write-kubeconfig={server.kubeconfig}"
    )
    assert "saved." in saved.stderr
    assert "on-demand-one-" in server.run("etcd-snapshot", "ls", *server.flags()[:2]).stdout
    snapshot = next((server.data / "server/db/snapshots").glob("on-demand-*"))
    reset = ["--cluster-reset", f"--cluster-reset-restore-path={snapshot}"]
    assert "different token" in double.start_fails(*reset, "--token=wrong")
    double.start(*reset, f"--token-file={server.data / 'server/token'}")
    assert double.process
    assert double.process.wait(PATIENCE_SECONDS) == 0
    assert "restart without --cluster-reset flag now" in double.log()
    ca = "server/tls/server-ca.crt"
    assert (double.data / ca).read_bytes() == (server.data / ca).read_bytes()


# Starting, stopping, starting again.


def _until(condition: Any) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def test_terminated_while_starting_and_while_running(double: Double) -> None:
    double.set(start_seconds=60)
    double.start()
    _until(double.kubeconfig.exists)
    refused = double.run("kubectl", "get", "nodes").stderr
    assert refused == "Error from server (ServiceUnavailable): apiserver not ready\n"
    assert double.stop() == 0
    double.set(start_seconds=0)
    double.start()
    double.until_ready()
    assert double.stop() == 0
    refused = double.run("kubectl", "get", "nodes").stderr
    assert refused == (
        f"The connection to the server 127.0.0.1:{double.port} was refused - "
        "did you specify the right host or port?\n"
    )


def test_hanging_never_tells_systemd(double: Double) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(double.folder / "notify"))
        sock.settimeout(0.3)
        double.env["NOTIFY_SOCKET"] = str(double.folder / "notify")
        double.set(hang=1)
        double.start()
        _until(lambda: "Waiting for API server" in double.log())
        with pytest.raises(socket.timeout):
            sock.recv(100)
    assert "apiserver not ready" in double.run("kubectl", "get", "nodes").stderr
    assert double.stop() == 0


def test_killed_and_restarted_with_its_token_alone(double: Double) -> None:
    double.start("--token=first")
    before = double.until_ready()
    ca = (double.data / "server/tls/server-ca.crt").read_bytes()
    double.stop(signal.SIGKILL)
    assert "bootstrap data already found and encrypted with different token" in double.start_fails(
        "--token=second"
    )
    double.start()
    assert double.until_ready()["metadata"]["uid"] == before["metadata"]["uid"]
    assert (double.data / "server/tls/server-ca.crt").read_bytes() == ca


def _sqlite_rows(double: Double) -> list[str]:
    """The nodes in the database, which is read beside the running server."""
    with contextlib.closing(sqlite3.connect(double.data / "server/db/state.db")) as database:
        [[text]] = database.execute("SELECT value FROM kine").fetchall()
    return sorted(json.loads(text)["nodes"])


def test_a_copy_of_sqlites_one_file_is_not_all_of_it(double: Double, tmp_path: Path) -> None:
    """What was written last is in the log beside it, as with K3s; a backup has to ask the database."""
    double.config.write_text("")
    double.start()
    double.until_ready()
    source = double.data / "server/db/state.db"
    assert source.with_name("state.db-wal").stat().st_size > 0
    copied = tmp_path / "copy.db"
    copied.write_bytes(source.read_bytes())
    with contextlib.closing(sqlite3.connect(copied)) as database:
        tables = database.execute("SELECT name FROM sqlite_master").fetchall()
        rows = database.execute("SELECT value FROM kine").fetchall() if tables else []
    assert not rows or "one" not in json.loads(rows[0][0])["nodes"]
    double.stop(signal.SIGKILL)
    double.start()
    double.until_ready()
    assert _sqlite_rows(double) == ["one"]


def test_a_snapshot_comes_back_on_a_fresh_host_with_its_token_alone(double: Double, tmp_path: Path) -> None:
    double.start("--token=first")
    uid = double.until_ready()["metadata"]["uid"]
    place = (f"--data-dir={double.data}", f"--write-kubeconfig={double.kubeconfig}")
    assert double.run("etcd-snapshot", "save", "--name=mine", "--s3=false", *place).returncode == 0
    [snapshot] = (double.data / "server/db/snapshots").glob("mine-one-*")
    kept = tmp_path / "kept"
    kept.write_bytes(snapshot.read_bytes())
    ca = (double.data / "server/tls/server-ca.crt").read_bytes()
    double.stop(signal.SIGKILL)
    shutil.rmtree(double.data)
    reset = ("--cluster-reset", f"--cluster-reset-restore-path={kept}", "--etcd-s3=false")
    assert "different token" in double.start_fails(*reset, "--token=second")
    shutil.rmtree(double.data)
    double.start(*reset, "--token=first")
    assert double.process
    assert double.process.wait(PATIENCE_SECONDS) == 0, double.log()
    double.start("--token=first")
    assert double.until_ready()["metadata"]["uid"] == uid
    assert (double.data / "server/tls/server-ca.crt").read_bytes() == ca


def test_sqlite_becomes_etcd(double: Double) -> None:
    double.config.write_text("")
    double.start()
    assert _condition(double.until_ready(), "EtcdIsVoter") == "None"
    assert _sqlite_rows(double) == ["one"]
    double.stop()
    double.start("--cluster-init")
    _until(lambda: _condition(double.until_ready(), "EtcdIsVoter") == "True")


def test_abstract_notify_socket(double: Double) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0{double.folder}")
        sock.settimeout(PATIENCE_SECONDS)
        double.env["NOTIFY_SOCKET"] = f"@{double.folder}"
        double.start()
        assert sock.recv(100) == b"READY=1"


def test_taken_port_is_fatal(double: Double) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", double.port))
        sock.listen()
        assert double.start_fails().endswith(f'listen tcp :{double.port}: bind: address already in use"')


# Settings that K3s refuses.


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
def test_refused(double: Double, config: str, command: str, message: str) -> None:
    double.config.write_text(config + "\n")
    last = double.start_fails(command=command)
    assert "level=fatal" in last
    assert message in last


def test_drop_ins_override_and_append_and_unknown_keys_can_pass(double: Double) -> None:
    folder = Path(f"{double.config}.d")
    folder.mkdir()
    double.config.write_text("node-label:\n- a=1\nwrite-kubeconfig-mode: '0600'\n")
    (folder / "10-more.yaml").write_text("node-label+: b=2\ntypo: x\n")
    (folder / "20-last.yml").write_text("write-kubeconfig-mode: '0640'\n")
    double.set(unknown_keys="skip")
    double.start("--node-label=c=3")
    labels = double.until_ready()["metadata"]["labels"]
    assert [labels.get(name) for name in "abc"] == ["1", "2", "3"]
    assert double.kubeconfig.stat().st_mode & 0o777 == 0o640
    assert "Unknown flag --typo found in config.yaml, skipping" in double.log()


def test_switches_from_a_file(double: Double) -> None:
    switches = double.folder / "switches.json"
    switches.write_text(json.dumps({"fail_start": "disk on fire", "only_version": VERSION}))
    assert 'msg="disk on fire"' in double.start_fails()
    switches.write_text(json.dumps({"fail_start": "disk on fire", "only_version": "v1.37.1+k3s1"}))
    double.start()
    double.until_ready()
    double.stop()
    switches.write_text(json.dumps({"never_ready": True, "allocatable_wrong": True}))
    double.config.write_text("cluster-init: true\n" + RESERVATIONS)
    double.start()
    node = double.until_ready(status="False")
    assert node["status"]["allocatable"] == node["status"]["capacity"]


# The kubelet and the YAML, without a process.


def _kubelet(tmp_path: Path, *arguments: str, protect: bool = False) -> kubelet.Kubelet:
    return kubelet.Kubelet(list(arguments), tmp_path, protect)


def test_cgroup_v1_is_refused_from_1_35(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubelet, "CGROUP_V2", tmp_path / "missing")
    with pytest.raises(KubeletError, match="configured to not run on a host using cgroup v1"):
        _kubelet(tmp_path).check_host()
    _kubelet(tmp_path, "fail-cgroupv1=false").check_host()
    monkeypatch.setattr(kubelet, "VERSION", "v1.34.3+k3s1")
    _kubelet(tmp_path).check_host()


def test_kernel_flags_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for flag, value in kubelet.KERNEL.items():
        (tmp_path / flag).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / flag).write_text(f"{value}\n")
    monkeypatch.setattr(kubelet, "SYSCTLS", tmp_path)
    monkeypatch.setattr(kubelet, "CGROUP_V2", tmp_path)
    _kubelet(tmp_path, protect=True).check_host()
    (tmp_path / "vm/overcommit_memory").write_text("0\n")
    _kubelet(tmp_path).check_host()
    expected = "invalid kernel flag: vm/overcommit_memory, expected value: 1, actual value: 0"
    with pytest.raises(KubeletError, match=expected):
        _kubelet(tmp_path, protect=True).check_host()


@pytest.mark.parametrize(
    ("text", "value"), [("500m", "1/2"), ("1.5Gi", str(1536 * 1024**2)), ("1e3", "1000"), ("2", "2")]
)
def test_quantities(text: str, value: str) -> None:
    assert quantity.parse(text) == Fraction(value)


def test_quantities_are_written_canonically() -> None:
    assert [quantity.size(Fraction(number)) for number in (1024**3, 1536, 1000, 0)] == [
        "1Gi",
        "1536",
        "1000",
        "0",
    ]
    assert [quantity.cores(Fraction(text)) for text in ("2", "3/2")] == ["2", "1500m"]


def test_yaml_reads_what_pyyaml_writes() -> None:
    config: dict[str, Any] = {
        "cluster-cidr": "10.42.0.0/16",
        "cluster-init": True,
        "disable": [],
        "etcd-snapshot-retention": 5,
        "kubelet-arg": ["eviction-hard=memory.available<100Mi,nodefs.available<10%", "v=2"],
        "node-ip": "fd00::1",
        "tls-san": [
            "*.example.org",
            'it\'s: "odd" # really',
            "::1",
            "yes",
            "0600",
            "1.0",
            "",
            "null",
            "-x",
            "é",
        ],
        "token": "K10abc::server:pass word",
        "write-kubeconfig-mode": "0600",
    }
    expected = {**config, "cluster-init": "true", "etcd-snapshot-retention": "5"}
    assert yamlsubset.parse(yaml.safe_dump(config)) == expected
    assert yamlsubset.parse(yaml.safe_dump(config, allow_unicode=True, explicit_start=True)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a: 0644",
        "a: yes",
        "a: 1.0",
        "a: 1e3",
        "a: 12:30",
        "a: 2026-01-01",
        "a: {b: c}",
        "a:\n  b: c",
        "a: [b, c]",
        "a: |\n  b",
        "a: &x b",
        "a: *x",
        "a: b: c",
        "a: b\n  c",
        'a: "b',
        "a: 'b' c",
        "a: 1\na: 2",
        "- a",
        "a:\n- b\n  - c",
        "a:\n- - b",
        "a:\n- b: c",
        "a: b\n---\nc: d",
        "a:\tb",
        'a: "b"#c',
    ],
)
def test_yaml_never_guesses(text: str) -> None:
    with pytest.raises(yamlsubset.YamlError):
        yamlsubset.parse(text)
