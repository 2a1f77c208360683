"""The nodes of a cluster in the datastore: registration, heartbeats, patches, deletion."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

from .cluster import Cluster

SILENT_SECONDS = 40  # the node controller's grace period without a heartbeat


class ApiError(Exception):
    """An answer with an HTTP status other than 200."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Registry:
    """All nodes by name, each with its object, its kubelet's configuration and the hash of its password."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.started = cluster, time.monotonic()
        self.seen: dict[str, float] = {}

    @property
    def records(self) -> dict[str, Any]:
        records: dict[str, Any] = self.cluster.state["nodes"]
        return records

    def register(self, registration: dict[str, Any]) -> None:
        """Register a new node, or a known one with the same password. Labels and taints count only the first time.

        A known node keeps its status, even Ready, until its kubelet reports.
        """
        name = registration["node"]["metadata"]["name"]
        proof = hashlib.sha256(registration["password"].encode()).hexdigest()
        with self.cluster.lock:
            known = self.records.get(name)
            if known and known["proof"] not in ("", proof):
                raise ApiError(
                    403,
                    f"unable to verify password for node {name}: hash does not match; Node password "
                    "rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not match "
                    "server node-passwd entry, try enabling a unique node name with the --with-node-id flag",
                )
            node = known["node"] if known else registration["node"]
            self.records[name] = {"node": node, "configz": registration["configz"], "proof": proof}
            self.cluster.save()
        self.seen[name] = time.monotonic()

    def beat(self, name: str, status: dict[str, Any]) -> None:
        """Record a heartbeat. A deleted node remains deleted until it starts again."""
        node = self.record(name)["node"]
        self.seen[name] = time.monotonic()
        with self.cluster.lock:
            changed = _states(node["status"]) != _states(status)
            _keep_transitions(node["status"], status)
            node["status"] = status
            if changed:
                self.cluster.save()

    def record(self, name: str) -> dict[str, Any]:
        record: dict[str, Any] | None = self.records.get(name)
        if record is None:
            raise ApiError(404, f'nodes "{name}" not found')
        return record

    def current(self, name: str) -> dict[str, Any]:
        """The node object; its conditions are Unknown if its kubelet has stopped reporting."""
        with self.cluster.lock:
            node: dict[str, Any] = json.loads(json.dumps(self.record(name)["node"]))
        for condition in node["status"]["conditions"] if self.is_silent(name) else []:
            if condition["type"] != "EtcdIsVoter":
                condition.update(status="Unknown", reason="NodeStatusUnknown")
                condition["message"] = "Kubelet stopped posting node status."
        return node

    def is_silent(self, name: str) -> bool:
        return time.monotonic() - self.seen.get(name, self.started) > SILENT_SECONDS

    def patch(self, name: str, patch: dict[str, Any]) -> None:
        """Apply a JSON merge patch (RFC 7396), which equals kubectl's strategic merge except that it replaces lists."""
        with self.cluster.lock:
            record = self.record(name)
            record["node"] = _merge(record["node"], patch)
            self.cluster.save()

    def delete(self, name: str) -> None:
        with self.cluster.lock:
            self.record(name)
            del self.records[name]
            if self.cluster.etcd:
                self.cluster.etcd.remove(name)
            self.cluster.save()

    def forget_password(self, secret: str) -> None:
        """Delete the Secret with a node's password, so that a new host can take its name."""
        name = secret.rpartition(".node-password.k3s")[0]
        with self.cluster.lock:
            if not self.records.get(name, {}).get("proof"):
                raise ApiError(404, f'secrets "{secret}" not found')
            self.records[name]["proof"] = ""
            self.cluster.save()


def _merge(value: Any, patch: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(patch, dict):
        return patch
    unchanged = {key: item for key, item in value.items() if key not in patch}
    changed = {key: _merge(value.get(key, {}), item) for key, item in patch.items() if item is not None}
    return {**unchanged, **changed}


def _keep_transitions(old: dict[str, Any], new: dict[str, Any]) -> None:
    before = {row["type"]: row for row in old["conditions"]}
    for row in new["conditions"]:
        if row["status"] == before.get(row["type"], {}).get("status"):
            row["lastTransitionTime"] = before[row["type"]]["lastTransitionTime"]


def _states(status: dict[str, Any]) -> list[str]:
    return [condition["status"] for condition in status["conditions"]]
