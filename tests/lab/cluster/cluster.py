"""Three servers and an agent: how to run the road on them, and a client that writes meanwhile."""

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
from tests.lab.conftest import OLDER
from tests.lab.runs import PROJECT, Result, Running, write_cluster

SERVERS, AGENT = ["c1", "c2", "c3"], "c4"
NAMES = [*SERVERS, AGENT]
START = "K3s | Start K3s and wait for a Ready node"
SWITCHES = "/etc/skerry-double.json"
SETTINGS = {"k3s_version": OLDER, "k3s_ready_timeout_seconds": 60, "artifact_relay": True}


class Cluster:
    """The hosts, and how to run the road on some of them."""

    formed: Result  # of the run that made them a cluster

    def __init__(self, hosts: dict[str, lab.LabHost], folder: Path, artifacts: Path) -> None:
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

    def begin(self, task: str, *arguments: str, **settings: Any) -> subprocess.Popen[str]:
        """A task of tasks.py with this cluster's inventory, in a session of its own."""
        command = [sys.executable, "-m", "invoke", task, str(self.inventory(**settings)), *arguments]
        place = {"SKERRY_HOME": str(self.folder / "home"), "SKERRY_KEYS": str(self.folder / "keys")}
        return subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, **place},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def invoke(
        self, task: str, *arguments: str, seconds: float = 240, **settings: Any
    ) -> subprocess.CompletedProcess[str]:
        """The same to its end."""
        running = self.begin(task, *arguments, **settings)
        stdout, stderr = running.communicate(timeout=seconds)
        return subprocess.CompletedProcess(running.args, running.returncode, stdout, stderr)

    def versions(self) -> set[str]:
        """What the nodes' kubelets say they are."""
        items = json.loads(self.shell("c1", "k3s kubectl get nodes -o json"))["items"]
        return {item["status"]["nodeInfo"]["kubeletVersion"] for item in items}

    def annotations(self, server: str = "c2") -> set[str]:
        """What was written so."""
        return set(
            json.loads(self.shell(server, f"k3s kubectl get node {AGENT} -o json"))["metadata"]["annotations"]
        )


class Writer:
    """A client that writes to whichever server's API answers, and remembers what was acknowledged and when."""

    PAUSE_SECONDS = 0.25

    def __init__(self, cluster: Cluster, prefix: str = "write") -> None:
        self._prefix = prefix
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
            name = f"{self._prefix}-{number}"
            if self._write(name):
                self.acknowledged[name] = time.monotonic()
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
        return set(self.acknowledged) - cluster.annotations()
