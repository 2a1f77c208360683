"""`k3s agent`: join a stand-in server over a private path, and send heartbeats."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, NoReturn

from . import VERSION
from .client import Client
from .cluster import read_token, write
from .config import load
from .kubeconfig import kubeconfig
from .log import error, fatal, info, notify
from .node import Node
from .switches import switch
from .trust import JoinError, trusted

RETRY_SECONDS, HEARTBEAT_SECONDS = 2, 1


def run(arguments: list[str]) -> NoReturn:
    """Run until a signal ends the process."""
    settings = load("agent", arguments)
    info(f"Starting k3s agent {VERSION} (stand-in)")
    if switch("fail_start"):
        fatal(switch("fail_start"))
    token, url = read_token(settings), settings.text("server").rstrip("/")
    if not token:
        fatal("--token is required")
    if not url:
        fatal("--server is required")
    data_dir = Path(settings.text("data-dir", "/var/lib/rancher/k3s"))
    (data_dir / "agent").mkdir(parents=True, exist_ok=True)
    node = Node(settings, data_dir, [])
    time.sleep(float(switch("start_seconds")) / 2)
    node.check_host()
    servers = Servers(url, token, node, data_dir / "agent/kubelet.kubeconfig")
    servers.join()
    if switch("hang"):
        info("Waiting for the server's configuration")
        time.sleep(1e9)
    time.sleep(float(switch("start_seconds")) / 2)
    info("k3s agent is up and running")
    notify("READY=1")
    time.sleep(float(switch("ready_seconds")))
    while True:
        servers.beat()
        time.sleep(HEARTBEAT_SECONDS)


class Servers:
    """The servers that an agent knows. It uses one, and changes to the next if that one does not answer."""

    def __init__(self, url: str, token: str, node: Node, kubeconfig: Path) -> None:
        self.urls, self.token, self.node, self.kubeconfig = [url], token, node, kubeconfig
        self.client: Client | None = None

    def join(self) -> None:
        """Register. Logs failures and retries without end."""
        while True:
            try:
                self._register()
                return
            except (JoinError, OSError) as problem:
                error(f"Failed to validate connection to cluster at {self.urls[0]}: {problem}")
                time.sleep(RETRY_SECONDS)

    def beat(self) -> None:
        """Send one heartbeat to the first server that accepts it."""
        for _ in self.urls:
            try:
                if self.client is None:
                    self.client = trusted(self.urls[0], self.token, "node")
                    self._write_kubeconfig()
                status = self.node.status(ready=not switch("never_ready"))
                self._remember_servers(_send(self.client, "POST", self.node.name, status))
                return
            except (JoinError, OSError) as problem:
                error(f"Error updating node status, will retry: {problem}")
                self.urls.append(self.urls.pop(0))
                self.client = None

    def _register(self) -> None:
        self.client = trusted(self.urls[0], self.token, "node")
        answer = _send(self.client, "PUT", self.node.name, self.node.registration(ready=False))
        self._remember_servers(answer)
        self.identity = (answer["ca"], answer["certificate"], answer["key"])
        self._write_kubeconfig()

    def _remember_servers(self, answer: dict[str, Any]) -> None:
        self.urls += [url for url in answer["servers"] if url not in self.urls]

    def _write_kubeconfig(self) -> None:
        write(self.kubeconfig, kubeconfig(self.urls[0], *self.identity))


def _send(client: Client, method: str, name: str, content: object) -> dict[str, Any]:
    code, text = client.request(method, f"/v1-skerry-double/nodes/{name}", content)
    if code == 401:
        raise JoinError("failed to retrieve configuration from server: not authorized")
    if code != 200:
        raise JoinError(json.loads(text).get("message", text))
    answer: dict[str, Any] = json.loads(text)
    return answer
