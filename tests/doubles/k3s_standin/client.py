"""A small HTTPS client: importing `http.client` would take a third of the time of `k3s kubectl`."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 10.0


class KubeconfigError(Exception):
    """The kubeconfig is missing, unreadable or not written by K3s."""


class Client:
    """Requests to one server, verified by `ca` (or not at all) and authenticated by certificate or password."""

    def __init__(self, url: str, ca: str | None = None, identity: str = "", basic: str = "") -> None:
        parts = urlsplit(url)
        self.host, self.port, self.basic = parts.hostname or "", parts.port or 443, basic
        self.context = ssl.create_default_context(cadata=ca)
        if ca is None:
            self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        if identity:
            # `ssl` reads keys from files alone; this file is in memory.
            with os.fdopen(os.memfd_create("identity"), "w") as file:
                file.write(identity)
                file.flush()
                self.context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """Send one request and read the complete answer."""
        text = b"" if body is None else json.dumps(body).encode()
        fields = {"Host": f"{self.host}:{self.port}", "Content-Length": str(len(text)), **(headers or {})}
        if self.basic:
            fields["Authorization"] = "Basic " + base64.b64encode(self.basic.encode()).decode()
        head = f"{method} {path} HTTP/1.0\r\n" + "".join(
            f"{key}: {value}\r\n" for key, value in fields.items()
        )
        raw = socket.create_connection((self.host, self.port), TIMEOUT_SECONDS)
        with self.context.wrap_socket(raw, server_hostname=self.host) as tls:
            tls.sendall(head.encode() + b"\r\n" + text)
            received = b"".join(iter(lambda: tls.recv(65536), b""))
        top, _, content = received.partition(b"\r\n\r\n")
        if not top.startswith(b"HTTP/"):
            raise ConnectionResetError("EOF")
        return int(top.split(None, 2)[1]), content.decode()


def from_kubeconfig(path: str) -> Client:
    """A client for the cluster in a kubeconfig that K3s wrote."""
    if not os.path.exists(path):  # noqa: PTH110 - pathlib costs 10 ms
        raise KubeconfigError(f"stat {path}: no such file or directory")
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs 10 ms
            text = file.read()
    except OSError as error:
        raise KubeconfigError(f'error loading config file "{path}": open {path}: {error.strerror}') from None
    fields = dict(re.findall(r"^ +(server|[a-z-]+-data): (\S+)$", text, re.MULTILINE))
    try:
        ca, certificate, key = (
            base64.b64decode(fields[f"{name}-data"]).decode()
            for name in ("certificate-authority", "client-certificate", "client-key")
        )
        return Client(fields["server"], ca, certificate + key)
    except (KeyError, ValueError, ssl.SSLError) as error:
        raise KubeconfigError(f'error loading config file "{path}": {error!r}') from None
