"""Requests to a server: which are allowed, and which server answers them."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .cluster import Cluster
from .etcd import NotCommitted
from .kubeconfig import kubelet_identity
from .registry import ApiError, Registry
from .resources import ROUTES

PRIVATE = "/v1-skerry-double/"  # used between stand-ins alone
HEALTH = ("/readyz", "/livez", "/healthz")
LOCAL = (*HEALTH, "/version", f"{PRIVATE}bootstrap")  # answered by the server that was asked
SNAPSHOTS = f"{PRIVATE}snapshots/"  # of the own member, onto the own disk
# Answered by the supervisor, which is up before the API server.
SUPERVISED = (f"{PRIVATE}bootstrap", f"{PRIVATE}members")
REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    415: "UnsupportedMediaType",
    503: "ServiceUnavailable",
}


class Api:
    """The API server and K3s's supervisor, which share a port."""

    def __init__(self, cluster: Cluster, registry: Registry, node_name: str, snapshots: Path | None) -> None:
        self.cluster, self.registry = cluster, registry
        self.node_name, self.snapshots = node_name, snapshots
        self.port, self.ready = 6443, False

    def answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes, certified: bool
    ) -> tuple[int, Any]:
        """The HTTP status and the content: text, or a value that is sent as JSON."""
        path = unquote(urlsplit(target).path)
        try:
            if path == "/cacerts":
                return 200, self.cluster.state["bootstrap"]["files"]["server-ca.crt"]
            if path == "/ping":
                return 200, "pong"
            if not path.startswith(PRIVATE):
                self._require(certified)
            if not self.ready and not path.startswith(SUPERVISED):
                raise ApiError(503, "apiserver not ready")
            if path in HEALTH and self.cluster.etcd and not self.cluster.etcd.is_healthy():
                raise ApiError(500, "[-]etcd failed: reason withheld")
            local = path in LOCAL or path.startswith(SNAPSHOTS)
            if self.cluster.etcd and not self.cluster.etcd.leads and not local:
                return self._forward(method, target, headers, body, certified)
        except (ApiError, NotCommitted) as error:
            return _failure(error)
        return self.execute(method, target, headers, body, certified)

    def execute(
        self, method: str, target: str, headers: dict[str, str], body: bytes, certified: bool
    ) -> tuple[int, Any]:
        """The answer of the server whose member leads etcd, also to requests that another server has forwarded."""
        parts = urlsplit(target)
        path, query = (
            unquote(parts.path),
            {key: values[-1] for key, values in parse_qs(parts.query, True).items()},
        )
        try:
            if path.startswith(PRIVATE):
                return 200, self._private(method, path[len(PRIVATE) :], headers, body, certified)
            for allowed, pattern, action in ROUTES:
                match = re.fullmatch(pattern, path)
                if match and allowed == method:
                    return 200, action(
                        self.registry, *match.groups(), query=query, headers=headers, body=body
                    )
            raise ApiError(404, "the server could not find the requested resource")
        except (ApiError, NotCommitted) as error:
            return _failure(error)
        except (KeyError, ValueError) as error:
            return 400, _status(400, f"malformed: {error!r}")

    def _forward(self, *request: Any) -> tuple[int, Any]:
        """Forward a request to the server whose member leads etcd, so that all servers have the same state."""
        assert self.cluster.etcd
        method, target, headers, body, certified = request
        allowed = {key: headers[key] for key in ("accept", "content-type", "authorization") if key in headers}
        message = {
            "method": method,
            "target": target,
            "headers": allowed,
            "body": body.decode(),
            "certified": certified,
        }
        try:
            client = self.cluster.etcd.client(self.cluster.etcd.leader_url())
            _, text = client.request("POST", "/request", message)
        except OSError as error:
            return 500, _status(500, f"etcdserver: {error}")
        answer: dict[str, Any] = json.loads(text)
        return answer["code"], answer["content"]

    def report(self, method: str, name: str, content: Any) -> None:
        """Take a registration (PUT) or heartbeat (POST) of the server's own kubelet. Raises ApiError."""
        headers = {
            "authorization": "Basic " + base64.b64encode(f"server:{self.cluster.secret}".encode()).decode()
        }
        code, answer = self.answer(
            method, f"{PRIVATE}nodes/{name}", headers, json.dumps(content).encode(), False
        )
        if code != 200:
            raise ApiError(code, answer.get("message", ""))

    def _require(self, authenticated: bool) -> None:
        if not authenticated:
            raise ApiError(401, "Unauthorized")

    def _private(self, method: str, path: str, headers: dict[str, str], body: bytes, certified: bool) -> Any:
        """Registrations (PUT), heartbeats (POST), requests of joining servers, snapshots for the administrator."""
        kind, _, name = path.partition("/")
        if kind in ("bootstrap", "members"):
            self._require(self._is(headers, "server"))
            if kind == "bootstrap":
                return self.cluster.state["bootstrap"]
            if not self.cluster.etcd:
                raise ApiError(400, "etcd datastore is not enabled")
            joining = json.loads(body)
            self.cluster.etcd.add(joining["name"], joining["peer"], joining["client"])
            return {key: self.cluster.state[key] for key in ("members", "revision", "nodes")}
        if kind == "snapshots" and method == "POST":
            self._require(certified)
            if not self.cluster.is_etcd:
                raise ApiError(400, "etcd datastore is not enabled")
            return {"path": str(self.cluster.snapshot(name, self.node_name, self.snapshots))}
        self._require(kind == "nodes" and (self._is(headers, "node") or self._is(headers, "server")))
        content = json.loads(body)
        if method == "PUT":
            self.registry.register(content)
            return {"servers": self._servers(), **kubelet_identity(self.cluster, name)}
        self.registry.beat(name, content)
        return {"servers": self._servers()}

    def _servers(self) -> list[str]:
        etcd = self.cluster.etcd
        addresses = [urlsplit(member["clientURLs"][0]).hostname for member in etcd.members] if etcd else []
        return [f"https://{address}:{self.port}" for address in addresses]

    def _is(self, headers: dict[str, str], user: str) -> bool:
        scheme, _, encoded = headers.get("authorization", "").partition(" ")
        secret = self.cluster.secret if user == "server" else self.cluster.agent_secret
        return scheme == "Basic" and base64.b64decode(encoded).decode() == f"{user}:{secret}"


def _failure(error: Exception) -> tuple[int, Any]:
    code = error.code if isinstance(error, ApiError) else 500
    return code, _status(code, str(error))


def _status(code: int, message: str) -> dict[str, Any]:
    reason = REASONS.get(code, "InternalError")
    top = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return {**top, "message": message, "reason": reason, "code": code}
