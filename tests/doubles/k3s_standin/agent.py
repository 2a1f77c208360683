"""`k3s agent`: joins a stand-in server over a private path and sends heartbeats."""

from __future__ import annotations

import hashlib
import json
import ssl
import time
from pathlib import Path
from typing import NoReturn

from . import VERSION
from .client import Client
from .cluster import read_token, secret_of
from .config import load
from .log import error, fatal, info, notify, warning
from .node import Node
from .switches import switch

RETRY_SECONDS, HEARTBEAT_SECONDS = 2, 1


class JoinError(Exception):
    """The server cannot be reached, is not ours, or does not want us."""


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
    client = _join(url, token, node)
    if switch("hang"):
        info("Waiting for the server's configuration")
        time.sleep(1e9)
    time.sleep(float(switch("start_seconds")) / 2)
    info("k3s agent is up and running")
    notify("READY=1")
    time.sleep(float(switch("ready_seconds")))
    while True:
        _beat(client, node)
        time.sleep(HEARTBEAT_SECONDS)


def _join(url: str, token: str, node: Node) -> Client:
    while True:
        try:
            client = _trusted(url, token)
            _send(client, "PUT", node.name, node.registration(ready=False))
            return client
        except (JoinError, OSError) as problem:
            error(f"Failed to validate connection to cluster at {url}: {problem}")
            time.sleep(RETRY_SECONDS)


def _trusted(url: str, token: str) -> Client:
    """A client that trusts the server's CA: by the hash in a full token, blindly with a short one."""
    _, ca = Client(url).request("GET", "/cacerts")
    actual, user = hashlib.sha256(ca.encode()).hexdigest(), "node"
    if token.startswith("K10"):
        expected, _, credentials = token[3:].partition("::")
        user = credentials.partition(":")[0]
        if expected != actual:
            raise JoinError(
                f"token CA hash does not match the Cluster CA certificate hash: {expected} != {actual}"
            )
    else:
        warning(
            "Cluster CA certificate is not trusted by the host CA bundle, but the token does not include a "
            "CA hash. Use the full token from the server's node-token file to enable Cluster CA validation."
        )
    try:
        return Client(url, ca, basic=f"{user}:{secret_of(token)}")
    except ssl.SSLError as problem:
        raise JoinError(f"failed to get CA certs: {problem}") from None


def _send(client: Client, method: str, name: str, content: object) -> None:
    code, text = client.request(method, f"/v1-skerry-double/nodes/{name}", content)
    if code == 401:
        raise JoinError("failed to retrieve configuration from server: not authorized")
    if code != 200:
        raise JoinError(json.loads(text).get("message", text))


def _beat(client: Client, node: Node) -> None:
    try:
        _send(client, "POST", node.name, node.status(ready=not switch("never_ready")))
    except (JoinError, OSError) as problem:
        error(f"Error updating node status, will retry: {problem}")
