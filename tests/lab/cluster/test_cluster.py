"""Three servers and an agent: they form one cluster, change one at a time, and lose no write that was acknowledged.

K3s is the stand-in: its docstring says what of etcd it has.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

import lab
from tests.lab.conftest import PACE
from tests.lab.runs import PROJECT, Result, Running, write_cluster

SERVERS, AGENT = ["c1", "c2", "c3"], "c4"
NAMES = [*SERVERS, AGENT]
START = "K3s | Start K3s and wait for a Ready node"
SWITCHES = "/etc/skerry-double.json"
SAMPLE = """while [ ! -e /run/enough ]; do
  sleep 0.1; cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; echo
done > /run/argv"""
SETTINGS = {"k3s_ready_timeout_seconds": 60}


class Cluster:
    """The hosts, and how to run the road on some of them."""

    def __init__(self, hosts: dict[str, lab.Host], folder: Path, artifacts: Path) -> None:
        self.hosts, self.folder, self.artifacts = hosts, folder, artifacts

    def inventory(
        self, servers: list[str] = SERVERS, agents: tuple[str, ...] = (AGENT,), **settings: object
    ) -> Path:
        mine, theirs = ([self.hosts[name] for name in names] for names in (servers, agents))
        return write_cluster(
            self.folder / "inventories", mine, theirs, self.artifacts, {**SETTINGS, **settings}
        )

    def start(self, **settings: Any) -> Running:
        return Running(self.inventory(**settings), "deploy/k3s.py", self.folder / "home")

    def run(self, **settings: Any) -> Result:
        return self.start(**settings).finish(240)

    def shell(self, name: str, command: str, check: bool = True) -> str:
        return lab.run(name, command, check=check).stdout.strip()

    def starts(self) -> dict[str, str]:
        """When K3s was started on each host."""
        return {
            name: self.shell(name, "systemctl show k3s k3s-agent -p ExecMainStartTimestamp") for name in NAMES
        }

    def nodes(self, server: str = "c1") -> dict[str, str]:
        """What the API server of a server says of each node."""
        items = json.loads(self.shell(server, "k3s kubectl get nodes -o json"))["items"]
        return {
            item["metadata"]["name"]: next(
                each["status"] for each in item["status"]["conditions"] if each["type"] == "Ready"
            )
            for item in items
        }


@pytest.fixture(scope="module")
def hosts(prepared: str) -> Iterator[dict[str, lab.Host]]:
    """Hosts on which deploy/prepare.py and deploy/harden.py have nothing left to do."""
    lab.down([host.name for host in lab.hosts() if host.name in NAMES])
    try:
        lab.up(backend="nspawn", names=NAMES)
        for name in NAMES:
            lab.share(prepared, "prepared", name)
        with ThreadPoolExecutor() as pool:
            restored = pool.map(lambda name: lab.restore(name, "prepared"), NAMES)
        yield {host.name: host for host in restored}
    finally:
        lab.down(NAMES)


@pytest.fixture(scope="module")
def cluster(hosts: dict[str, lab.Host], artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The road has been walked once, with eyes on every command line meanwhile."""
    cluster = Cluster(hosts, tmp_path_factory.mktemp("cluster"), artifacts)
    for name in NAMES:
        lab.run(name, f"printf '{PACE}' | tee /etc/default/k3s > /etc/default/k3s-agent")
    samplers = [subprocess.Popen([*lab.ssh_command(name), SAMPLE]) for name in NAMES]
    try:
        result = cluster.run()
    finally:
        for name in NAMES:
            lab.run(name, "touch /run/enough")
        for sampler in samplers:
            sampler.wait(20)
    assert result.code == 0, result.stderr
    return cluster


def test_all_are_ready_and_every_server_says_so(cluster: Cluster) -> None:
    for server in SERVERS:
        assert cluster.nodes(server) == dict.fromkeys(NAMES, "True")
    assert "initial-advertise-peer-urls" in cluster.shell(
        "c3", "cat /var/lib/rancher/k3s/server/db/etcd/config"
    )


def test_a_second_run_changes_nothing(cluster: Cluster) -> None:
    starts, again = cluster.starts(), cluster.run()
    assert again.code == 0, again.stderr
    assert {line["result"] for line in again.journal if line["event"] == "end"} == {"unchanged"}
    assert cluster.starts() == starts


def test_tokens_are_seen_nowhere(cluster: Cluster) -> None:
    """Full tokens where one joins, an agent's own for agents; in no command line, log or file others can read."""
    tokens = {name: cluster.shell(name, "cat /etc/rancher/k3s/token") for name in NAMES}
    own = cluster.shell("c1", "cat /etc/rancher/k3s/agent-token")
    ca = tokens["c2"].partition("::")[0]
    assert ca.startswith("K10")
    assert tokens["c3"] == tokens["c2"] == f"{ca}::server:{tokens['c1']}"
    assert tokens["c4"] == f"{ca}::node:{own}" != f"{ca}::node:{tokens['c1']}"
    assert len({own, tokens["c1"]}) == 2
    recorded = [path for path in (cluster.folder / "home").rglob("*") if path.is_file()]
    assert recorded
    for secret in (own, tokens["c1"]):
        assert not [path for path in recorded if secret in path.read_text()]
        for name in NAMES:
            argv = cluster.shell(name, "cat /run/argv")
            assert "/usr/local/bin/k3s" in argv
            assert secret not in argv
            find = f"grep -rlF {secret} /etc /home /root /tmp /usr/local /var /run/log | xargs -r stat -c '%a %U'"
            assert set(cluster.shell(name, find).splitlines()) <= {"600 root"}
            assert secret not in cluster.shell(
                name, "journalctl -o cat --no-pager | grep -F :: | cut -c 1-2000 || true"
            )


class Writer:
    """A client that writes to whichever server's API answers, and remembers what was acknowledged and when."""

    PAUSE_SECONDS = 0.25

    def __init__(self, cluster: Cluster) -> None:
        text = yaml.safe_load(cluster.shell(SERVERS[0], "cat /etc/rancher/k3s/k3s.yaml"))
        files = {}
        for name, found in {**text["clusters"][0]["cluster"], **text["users"][0]["user"]}.items():
            if name.endswith("-data"):
                files[name] = cluster.folder / name
                files[name].write_bytes(base64.b64decode(found))
        self._context = ssl.create_default_context(cafile=str(files["certificate-authority-data"]))
        self._context.load_cert_chain(files["client-certificate-data"], files["client-key-data"])
        self._servers = [cluster.hosts[name].address for name in SERVERS]
        self.acknowledged: dict[str, float] = {}
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._enough.is_set():
            number += 1
            if self._write(f"write-{number}"):
                self.acknowledged[f"write-{number}"] = time.monotonic()
                self._enough.wait(self.PAUSE_SECONDS)
            else:
                self._servers.append(self._servers.pop(0))

    def _write(self, name: str) -> bool:
        body = json.dumps({"metadata": {"annotations": {name: "here"}}}).encode()
        url = f"https://{self._servers[0]}:6443/api/v1/nodes/{AGENT}"
        headers = {"Content-Type": "application/merge-patch+json"}
        request = urllib.request.Request(url, body, headers, method="PATCH")
        try:
            with urllib.request.urlopen(request, timeout=2, context=self._context) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False

    @property
    def longest_gap_seconds(self) -> float:
        times = sorted(self.acknowledged.values())
        return max(later - earlier for earlier, later in pairwise(times))

    def lost(self, cluster: Cluster) -> set[str]:
        """What was acknowledged and is not there."""
        node = json.loads(cluster.shell("c2", f"k3s kubectl get node {AGENT} -o json"))
        return set(self.acknowledged) - set(node["metadata"]["annotations"])


def test_a_change_goes_through_the_servers_one_by_one_and_loses_no_write(cluster: Cluster) -> None:
    before = cluster.starts()
    with Writer(cluster) as writer:
        result = cluster.run(max_pods=90)
    assert result.code == 0, result.stderr
    starts = [
        line
        for line in result.journal
        if line.get("operation") == START and line["event"] in ("start", "end")
    ]
    assert [(line["event"], line["host"]) for line in starts] == [
        (event, name) for name in NAMES for event in ("start", "end")
    ]
    assert all(cluster.starts()[name] != before[name] for name in NAMES)
    assert len(writer.acknowledged) > 20
    assert writer.lost(cluster) == set()
    print(f"{len(writer.acknowledged)} writes, none lost, longest gap {writer.longest_gap_seconds:.1f} s")
    assert writer.longest_gap_seconds < 8


def test_a_server_that_does_not_come_back_ends_the_change(cluster: Cluster) -> None:
    before = cluster.starts()
    cluster.shell("c2", f"""echo '{{"fail_start": "it has no good reason"}}' > {SWITCHES}""")
    stopped = cluster.run(max_pods=80)
    assert (stopped.code, stopped.failed) == (1, [START] * 3), stopped.stderr
    assert "it has no good reason" in stopped.stderr
    for name in ("c3", "c4"):
        assert "c2 has failed, so that K3s here was left as it was" in stopped.stderr
        assert cluster.starts()[name] == before[name]
    cluster.shell("c2", f"rm {SWITCHES}")
    mended = cluster.run(max_pods=80)
    assert mended.code == 0, mended.stderr
    assert cluster.nodes() == dict.fromkeys(NAMES, "True")


def test_no_server_is_taken_from_an_etcd_that_needs_it(cluster: Cluster) -> None:
    """The third is down, and cannot be brought back."""
    cluster.shell("c3", f"""systemctl stop k3s; echo '{{"hang": true}}' > {SWITCHES}""")
    before = cluster.starts()
    refused = cluster.run(max_pods=70, k3s_ready_timeout_seconds=10)
    assert refused.code == 1
    assert refused.stderr.count("c3 has failed, so that K3s here was left as it was") == 3
    assert [cluster.starts()[name] for name in ("c1", "c2", AGENT)] == [
        before[name] for name in ("c1", "c2", AGENT)
    ]
    cluster.shell("c3", f"rm {SWITCHES}; systemctl kill -s KILL k3s")
    mended = cluster.run(max_pods=70)
    assert mended.code == 0, mended.stderr


def test_no_server_is_taken_while_another_is_not_healthy(cluster: Cluster) -> None:
    """The third's process runs, but its etcd answers nobody."""
    cluster.shell("c3", "systemctl kill -s STOP k3s")
    before = cluster.starts()
    try:
        refused = cluster.run(max_pods=50, k3s_ready_timeout_seconds=10)
    finally:
        cluster.shell("c3", "systemctl kill -s CONT k3s")
    assert refused.code == 1
    assert "etcd has 3 voters and needs 2, without c1 it would have 1; not healthy: c3-" in refused.stderr
    assert cluster.starts() == before
    mended = cluster.run(max_pods=50)
    assert mended.code == 0, mended.stderr


def test_servers_that_are_all_down_are_started_together(cluster: Cluster) -> None:
    for name in SERVERS:
        cluster.shell(name, "systemctl stop k3s")
    result = cluster.run(max_pods=50)
    assert result.code == 0, result.stderr
    assert cluster.nodes("c3") == dict.fromkeys(NAMES, "True")


def invoke(cluster: Cluster, task: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A task of tasks.py with this cluster's inventory."""
    command = [sys.executable, "-m", "invoke", task, str(cluster.inventory()), *arguments]
    environment = {**os.environ, "SKERRY_HOME": str(cluster.folder / "home")}
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=240
    )


def test_a_reboot_rolls_through_the_hosts_and_loses_no_write(cluster: Cluster) -> None:
    boots = {name: cluster.shell(name, "cat /proc/sys/kernel/random/boot_id") for name in NAMES}
    with Writer(cluster) as writer:
        rolled = invoke(cluster, "reboot")
    assert rolled.returncode == 0, rolled.stderr
    steps = [
        line.split(": ") for line in rolled.stderr.splitlines() if line.endswith((": reboots", ": is back"))
    ]
    assert [(name.strip(), what) for name, what in steps] == [
        (name, what) for name in NAMES for what in ("reboots", "is back")
    ]
    for name in NAMES:
        assert cluster.shell(name, "cat /proc/sys/kernel/random/boot_id") != boots[name]
    assert cluster.nodes() == dict.fromkeys(NAMES, "True")
    assert "SchedulingDisabled" not in cluster.shell("c1", "k3s kubectl get nodes")
    assert writer.lost(cluster) == set()
    print(f"{len(writer.acknowledged)} writes, none lost, longest gap {writer.longest_gap_seconds:.1f} s")


def test_a_removed_server_is_forgotten_and_comes_back_when_it_is_listed(cluster: Cluster) -> None:
    removed = invoke(cluster, "node-remove", "c3", "--yes")
    assert removed.returncode == 0, removed.stderr
    assert cluster.nodes() == dict.fromkeys(["c1", "c2", AGENT], "True")
    assert cluster.shell("c3", "ls /etc/rancher /usr/local/bin/k3s 2>&1 || true").count("No such file") == 2
    for name, words in (
        ("c9", "is no node of this cluster; there are c1, c2, c4"),
        ("c3", "is no node of this cluster"),
    ):
        again = invoke(cluster, "node-remove", name, "--yes")
        assert (again.returncode, again.stdout) == (2, ""), again.stderr
        assert words in again.stderr
        assert again.stderr.count("\n") == 1
    back = cluster.run()
    assert back.code == 0, back.stderr
    assert cluster.nodes("c3") == dict.fromkeys(NAMES, "True")


def test_a_server_that_etcd_needs_is_not_removed(cluster: Cluster) -> None:
    cluster.shell("c2", "systemctl stop k3s")
    try:
        refused = invoke(cluster, "node-remove", "c3", "--yes")
        assert refused.returncode == 2, refused.stderr
        assert "without it etcd would have 1 healthy of 2 voters and needs 2" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert cluster.shell("c3", "systemctl is-active k3s") == "active"
    finally:
        cluster.shell("c2", "systemctl start k3s")


def test_a_dead_server_is_removed_without_its_host(cluster: Cluster) -> None:
    lab.power_off("c3", hard=True)
    removed = invoke(cluster, "node-remove", "c3", "--yes")
    assert removed.returncode == 0, removed.stderr
    assert "c3" not in cluster.nodes()
    assert "its host was not cleared" in removed.stderr
