"""The table of nodes that kubectl prints: the API server makes it, clients align its columns."""

from __future__ import annotations

import calendar
import time
from typing import Any

COLUMNS = ("Name", "Status", "Roles", "Age", "Version")
WIDE = ("Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime")
ROLE = "node-role.kubernetes.io/"


def nodes(items: list[dict[str, Any]]) -> dict[str, Any]:
    """A meta.k8s.io/v1 Table."""
    columns = [
        {"name": name, "type": "string", "format": "name" if name == "Name" else "", "priority": priority}
        for priority, names in enumerate((COLUMNS, WIDE))
        for name in names
    ]
    rows = [{"cells": _cells(item), "object": _partial(item)} for item in items]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": columns,
        "rows": rows,
    }


def text(table: dict[str, Any], wide: bool) -> str:
    """Aligned columns, as kubectl prints them."""
    chosen = [
        index for index, column in enumerate(table["columnDefinitions"]) if wide or not column["priority"]
    ]
    lines = [[table["columnDefinitions"][index]["name"].upper() for index in chosen]]
    lines += [[row["cells"][index] for index in chosen] for row in table["rows"]]
    widths = [max(len(line[column]) for line in lines) + 3 for column in range(len(chosen))]
    padded = ["".join(cell.ljust(widths[at]) for at, cell in enumerate(line)).rstrip() for line in lines]
    return "\n".join(padded)


def _partial(node: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": node["metadata"]}


def _cells(node: dict[str, Any]) -> list[str]:
    status = node["status"]
    ready = [condition["status"] for condition in status["conditions"] if condition["type"] == "Ready"]
    state = {"True": "Ready", "False": "NotReady"}.get((ready or ["Unknown"])[0], "NotReady")
    if node["spec"].get("unschedulable"):
        state += ",SchedulingDisabled"
    labels = node["metadata"]["labels"]
    roles = sorted(label[len(ROLE) :] for label in labels if label.startswith(ROLE))
    addresses = {address["type"]: address["address"] for address in reversed(status["addresses"])}
    info = status["nodeInfo"]
    return [
        node["metadata"]["name"],
        state,
        ",".join(roles) or "<none>",
        _age(node["metadata"]["creationTimestamp"]),
        info["kubeletVersion"],
        addresses.get("InternalIP", "<none>"),
        addresses.get("ExternalIP", "<none>"),
        info["osImage"],
        info["kernelVersion"],
        info["containerRuntimeVersion"],
    ]


def _age(stamp: str) -> str:
    seconds = max(0, int(time.time() - calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ"))))
    for unit, size, enough in (("d", 86400, 2), ("h", 3600, 3), ("m", 60, 3)):
        if seconds >= size * enough:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
