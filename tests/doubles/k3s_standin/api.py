"""Requests to a server: who may ask, and where the answer comes from."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .cluster import Cluster
from .registry import ApiError, Registry
from .resources import ROUTES

PRIVATE = "/v1-skerry-double/"  # between stand-ins only
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
        self.ready = False

    def answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes, certified: bool
    ) -> tuple[int, Any]:
        """The status and the content: text, or anything that becomes JSON."""
        parts = urlsplit(target)
        path, query = (
            unquote(parts.path),
            {key: values[-1] for key, values in parse_qs(parts.query, True).items()},
        )
        try:
            if path == "/cacerts":
                return 200, self.cluster.state["bootstrap"]["files"]["server-ca.crt"]
            if path == "/ping":
                return 200, "pong"
            if path.startswith(PRIVATE):
                return 200, self._private(method, path[len(PRIVATE) :], headers, body, certified)
            self._require(certified)
            for allowed, pattern, action in ROUTES:
                match = re.fullmatch(pattern, path)
                if match and allowed == method:
                    return 200, action(
                        self.registry, *match.groups(), query=query, headers=headers, body=body
                    )
            raise ApiError(404, "the server could not find the requested resource")
        except ApiError as error:
            return error.code, _status(error.code, error.message)
        except (KeyError, ValueError) as error:
            return 400, _status(400, f"malformed: {error!r}")

    def _require(self, authenticated: bool) -> None:
        if not authenticated:
            raise ApiError(401, "Unauthorized")
        if not self.ready:
            raise ApiError(503, "apiserver not ready")

    def _private(self, method: str, path: str, headers: dict[str, str], body: bytes, certified: bool) -> Any:
        """Agents' registrations (PUT) and heartbeats (POST), and snapshots for the administrator."""
        kind, _, name = path.partition("/")
        if kind == "snapshots" and method == "POST":
            self._require(certified)
            if not self.cluster.is_etcd:
                raise ApiError(400, "etcd datastore is not enabled")
            return {"path": str(self.cluster.snapshot(name, self.node_name, self.snapshots))}
        self._require(kind == "nodes" and self._is_agent(headers))
        content = json.loads(body)
        if method == "PUT":
            self.registry.register(content)
        else:
            self.registry.beat(name, content)
        return {}

    def _is_agent(self, headers: dict[str, str]) -> bool:
        scheme, _, encoded = headers.get("authorization", "").partition(" ")
        allowed = (f"node:{self.cluster.agent_secret}", f"server:{self.cluster.secret}")
        return scheme == "Basic" and base64.b64decode(encoded).decode() in allowed


def _status(code: int, message: str) -> dict[str, Any]:
    reason = REASONS.get(code, "InternalError")
    top = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return {**top, "message": message, "reason": reason, "code": code}
