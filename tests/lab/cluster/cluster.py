"""Three servers and an agent: deploys and tasks on them, and a client that writes meanwhile."""

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
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from skerry import lab
from skerry.local.paths import PROJECT
from tests.lab.conftest import OLDER
from tests.lab.runs import Result, Running, write_cluster

SERVERS, AGENT = ["c1", "c2", "c3"], "c4"
NAMES = [*SERVERS, AGENT]
START = "K3s | Start K3s and wait for a Ready node"
SWITCHES = "/etc/skerry-double.json"
SETTINGS = {"k3s_version": OLDER, "k3s_ready_timeout_seconds": 60, "artifact_relay": True}


class Cluster:
    """The hosts, with functions that run deploys and tasks on some of them."""

    first_run: Result
    """The run that formed the cluster."""

    def __init__(self, hosts: dict[str, lab.LabHost], folder: Path, artifacts: Path) -> None:
        self.hosts, self.folder, self.artifacts = hosts, folder, artifacts

    def inventory(
        self, servers: list[str] = SERVERS, agents: tuple[str, ...] = (AGENT,), **settings: object
    ) -> Path:
        server_hosts, agent_hosts = ([self.hosts[name] for name in names] for names in (servers, agents))
        settings = {**SETTINGS, **settings}
        return write_cluster(self.folder / "inventories", server_hosts, agent_hosts, self.artifacts, settings)

    def start(self, **settings: Any) -> Running:
        return Running(self.inventory(**settings), "deploy/k3s.py", self.folder / "home")

    def run(self, **settings: Any) -> Result:
        return self.start(**settings).finish(240)

    def shell(self, name: str, command: str, check: bool = True) -> str:
        return lab.run(name, command, check=check).stdout.strip()

    def starts(self) -> dict[str, str]:
        """The time of the last start of K3s on each host."""
        return {
            name: self.shell(name, "systemctl show k3s k3s-agent -p ExecMainStartTimestamp") for name in NAMES
        }

    def nodes(self, server: str = "c1") -> dict[str, str]:
        """Each node's Ready condition according to the API server of one server."""
        items = json.loads(self.shell(server, "k3s kubectl get nodes -o json"))["items"]
        return {
            item["metadata"]["name"]: next(
                condition["status"]
                for condition in item["status"]["conditions"]
                if condition["type"] == "Ready"
            )
            for item in items
        }

    def start_task(self, task: str, *arguments: str, **settings: Any) -> subprocess.Popen[str]:
        """Start a task of tasks.py with this cluster's inventory, in a session of its own."""
        command = [sys.executable, "-m", "invoke", task, str(self.inventory(**settings)), *arguments]
        folders = {"SKERRY_HOME": str(self.folder / "home"), "SKERRY_KEYS": str(self.folder / "keys")}
        return subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, **folders},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def invoke(
        self, task: str, *arguments: str, seconds: float = 240, **settings: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a task to its end."""
        running = self.start_task(task, *arguments, **settings)
        stdout, stderr = running.communicate(timeout=seconds)
        return subprocess.CompletedProcess(running.args, running.returncode, stdout, stderr)

    def versions(self) -> set[str]:
        """The versions of all kubelets."""
        items = json.loads(self.shell("c1", "k3s kubectl get nodes -o json"))["items"]
        return {item["status"]["nodeInfo"]["kubeletVersion"] for item in items}

    def annotations(self, server: str = "c2") -> set[str]:
        """The names of the annotations that Writer has written, according to one server."""
        return set(
            json.loads(self.shell(server, f"k3s kubectl get node {AGENT} -o json"))["metadata"]["annotations"]
        )


class Writer:
    """A client that writes to any server whose API answers, and records which writes were acknowledged and when."""

    PAUSE_SECONDS = 0.25

    def __init__(self, cluster: Cluster, prefix: str = "write") -> None:
        self._prefix = prefix
        kubeconfig = yaml.safe_load(cluster.shell(SERVERS[0], "cat /etc/rancher/k3s/k3s.yaml"))
        files = {}
        for name, value in {**kubeconfig["clusters"][0]["cluster"], **kubeconfig["users"][0]["user"]}.items():
            if name.endswith("-data"):
                files[name] = cluster.folder / name
                files[name].write_bytes(base64.b64decode(value))
        self._context = ssl.create_default_context(cafile=str(files["certificate-authority-data"]))
        self._context.load_cert_chain(files["client-certificate-data"], files["client-key-data"])
        self._servers = [cluster.hosts[name].address for name in SERVERS]
        self.acknowledged: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            name = f"{self._prefix}-{number}"
            if self._write(name):
                self.acknowledged[name] = time.monotonic()
                self._stop.wait(self.PAUSE_SECONDS)
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
        """The acknowledged writes that the cluster does not have."""
        return set(self.acknowledged) - cluster.annotations()
