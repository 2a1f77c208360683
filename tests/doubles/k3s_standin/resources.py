"""The resources of the stand-in's Kubernetes API: nodes, empty lists, discovery."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import VERSION, tables
from .node import architecture
from .registry import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .registry import Registry

EMPTY = {
    "pods": "Pod",
    "persistentvolumes": "PersistentVolume",
    "persistentvolumeclaims": "PersistentVolumeClaim",
}
NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
MERGES = ("application/merge-patch+json", "application/strategic-merge-patch+json")


def _health(registry: Registry, check: str, query: dict[str, str], **_: Any) -> str:
    return f"[+]ping ok\n{check} check passed\n" if "verbose" in query else "ok"


def _version(registry: Registry, **_: Any) -> dict[str, str]:
    major, minor = VERSION[1:].split(".")[:2]
    version = {
        "major": major,
        "minor": minor,
        "gitVersion": VERSION,
        "gitCommit": "stand-in",
        "gitTreeState": "clean",
    }
    return {**version, "goVersion": "none", "compiler": "none", "platform": f"linux/{architecture()}"}


def _nodes(registry: Registry, query: dict[str, str], headers: dict[str, str], **_: Any) -> dict[str, Any]:
    refused = set(query) - {"limit", "fieldSelector", "resourceVersion", "timeoutSeconds"}
    field, _separator, selected = query.get("fieldSelector", "").partition("=")
    if refused or (field and field != "metadata.name"):
        raise ApiError(400, f"the stand-in cannot select nodes by {sorted(refused) or field}")
    items = [registry.current(name) for name in sorted(registry.records) if selected in ("", name)]
    if "as=Table" in headers.get("accept", ""):
        return tables.nodes(items)
    return {"kind": "NodeList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}


def _node(registry: Registry, name: str, headers: dict[str, str], **_: Any) -> dict[str, Any]:
    node = registry.current(name)
    return tables.nodes([node]) if "as=Table" in headers.get("accept", "") else node


def _patch_node(
    registry: Registry, name: str, headers: dict[str, str], body: bytes, **_: Any
) -> dict[str, Any]:
    if headers.get("content-type", "").split(";")[0] not in MERGES:
        raise ApiError(415, f"the stand-in applies only {' and '.join(MERGES)}")
    registry.patch(name, json.loads(body))
    return registry.current(name)


def _delete_node(registry: Registry, name: str, **_: Any) -> dict[str, Any]:
    registry.delete(name)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def _delete_secret(registry: Registry, name: str, **_: Any) -> dict[str, Any]:
    registry.forget_password(name)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def _configz(registry: Registry, name: str, **_: Any) -> dict[str, Any]:
    record = registry.record(name)
    if registry.is_silent(name):
        raise ApiError(503, "error trying to reach service: the kubelet does not answer")
    return {"kubeletconfig": record["configz"]}


def _secrets(registry: Registry, **_: Any) -> dict[str, Any]:
    """The Secrets of node passwords, without their data. There are no others."""
    names = [
        f"{name}.node-password.k3s" for name, record in sorted(registry.records.items()) if record["proof"]
    ]
    items = [{"metadata": {"name": name, "namespace": "kube-system"}, "type": "Opaque"} for name in names]
    return {"kind": "SecretList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}


def _empty(registry: Registry, kind: str, **_: Any) -> dict[str, Any]:
    return {
        "kind": f"{EMPTY[kind]}List",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "1"},
        "items": [],
    }


def _namespaces(registry: Registry, **_: Any) -> dict[str, Any]:
    items = [{"metadata": {"name": name}, "status": {"phase": "Active"}} for name in NAMESPACES]
    return {"kind": "NamespaceList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}


def _discovery(registry: Registry, path: str, **_: Any) -> dict[str, Any]:
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if path == "/apis":
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": []}
    kinds = {"nodes": "Node", "namespaces": "Namespace", **EMPTY}
    resources = [
        {
            "name": name,
            "singularName": kind.lower(),
            "kind": kind,
            "namespaced": name in ("pods", "persistentvolumeclaims"),
            "verbs": ["delete", "get", "list", "patch"] if name == "nodes" else ["list"],
            "shortNames": {
                "nodes": ["no"],
                "namespaces": ["ns"],
                "pods": ["po"],
                "persistentvolumes": ["pv"],
            }.get(name, []),
        }
        for name, kind in kinds.items()
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": resources}


NODE, LISTS = r"/api/v1/nodes/([^/]+)", "|".join(EMPTY)
ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("GET", "/(readyz|livez|healthz)", _health),
    ("GET", "/version", _version),
    ("GET", "(/api|/apis|/api/v1)", _discovery),
    ("GET", "/api/v1/nodes", _nodes),
    ("GET", NODE, _node),
    ("PATCH", NODE, _patch_node),
    ("DELETE", NODE, _delete_node),
    ("DELETE", r"/api/v1/namespaces/kube-system/secrets/([^/]+\.node-password\.k3s)", _delete_secret),
    ("GET", "/api/v1/secrets", _secrets),
    ("GET", f"{NODE}/proxy/configz", _configz),
    ("GET", "/api/v1/namespaces", _namespaces),
    ("GET", rf"/api/v1/(?:namespaces/[^/]+/)?({LISTS})", _empty),
]
