"""Runs the stand-in for K3s on loopback in a temporary folder, without root.

SKERRY_TEST_PYTHON names another interpreter for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from skerry.local.waiting import until

VERSION = "v1.36.3+k3s1"


PYTHON = os.environ.get("SKERRY_TEST_PYTHON", sys.executable)


PATIENCE_SECONDS = 30  # three servers may start at once on a busy machine


RESERVATIONS = """\
kubelet-arg:
- system-reserved=cpu=250m,memory=512Mi
- kube-reserved=cpu=250m,memory=256Mi
- eviction-hard=memory.available<100Mi,nodefs.available<10%
- max-pods=50
"""


class Standin:
    """The stand-in on one host: its files, port and process."""

    def __init__(self, folder: Path, binary: Path, name: str = "one") -> None:
        folder.mkdir(exist_ok=True)
        self.name = name
        self.folder, self.binary, self.port = folder, binary, free_port()
        self.config, self.data, self.kubeconfig = folder / "config.yaml", folder / "data", folder / "k3s.yaml"
        self.config.write_text("cluster-init: true\n")
        self.process: subprocess.Popen[str] | None = None
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("K3S_", "KUBE", "SKERRY_"))
        }
        self.env = {**environment, "KUBECONFIG": str(self.kubeconfig)}
        self.set(start_seconds=0.1, ready_seconds=0.1, skip_kernel=1, skip_cgroup=1, token_wait_seconds=0.2)
        self.set(node_dir=folder / "node", file=folder / "switches.json", etcd_port=free_port(2))

    def set(self, **switches: object) -> None:
        self.env.update({f"SKERRY_DOUBLE_{name.upper()}": str(value) for name, value in switches.items()})

    def flags(self, command: str = "server") -> list[str]:
        flags = [f"--config={self.config}", f"--data-dir={self.data}", "--node-ip=127.0.0.1"]
        if command == "agent":
            return [*flags, "--node-name=two"]
        server_flags = [f"--https-listen-port={self.port}", f"--write-kubeconfig={self.kubeconfig}"]
        return [*flags, *server_flags, "--bind-address=127.0.0.1", f"--node-name={self.name}"]

    def start(self, *extra: str, command: str = "server") -> None:
        arguments = [PYTHON, str(self.binary), command, *self.flags(command), *extra]
        with (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen(arguments, env=self.env, stderr=log, text=True)

    def start_fails(self, *extra: str, command: str = "server") -> str:
        """Start it and assert that it exits 1. Returns the last line of its log."""
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
        """The API's answer to the stand-in's kubectl; None if it does not answer."""
        answer = self.run("kubectl", "get", "--raw", path)
        if answer.returncode:
            return None
        return json.loads(answer.stdout) if answer.stdout.startswith("{") else answer.stdout

    def node(self, name: str = "one") -> Any:
        return self.ask(f"/api/v1/nodes/{name}")

    def until_ready(self, name: str = "one", status: str = "True", seconds: float = PATIENCE_SECONDS) -> Any:
        """Wait until the node's Ready condition has this status. Returns the node."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            node = self.node(name)
            if node and condition_of(node, "Ready") == status:
                return node
        raise AssertionError(f"{name} is not Ready={status}: {self.node(name)}\n{self.log()}")


def condition_of(node: Any, kind: str) -> str:
    return str({row["type"]: row["status"] for row in node["status"]["conditions"]}.get(kind))


def free_port(count: int = 1) -> int:
    """The first of consecutive free ports, below the ephemeral ports, which the kernel could give to a client."""
    while True:
        first = random.randrange(10_000, 32_000)
        with contextlib.ExitStack() as sockets, contextlib.suppress(OSError):
            for port in range(first, first + count):
                sockets.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first


@contextlib.contextmanager
def ended(*doubles: Standin) -> Iterator[None]:
    try:
        yield
    finally:
        for standin in doubles:
            if standin.process and standin.process.poll() is None:
                standin.process.kill()
                standin.process.wait(PATIENCE_SECONDS)


def wait_for(
    condition: Callable[[], object], what: str = "the condition", seconds: float = PATIENCE_SECONDS
) -> None:
    assert until(lambda: bool(condition()), seconds, every=0.05), f"{what} did not come"
