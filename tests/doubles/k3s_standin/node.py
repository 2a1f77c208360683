"""The Node object that the kubelet reports for this host."""

from __future__ import annotations

import os
import secrets
import socket
import time
import uuid
from pathlib import Path
from typing import Any

from . import VERSION
from .cluster import write
from .config import Settings
from .kubelet import Kubelet
from .kubelet_args import KubeletError
from .log import fatal, info
from .switches import switch

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
NO_NETWORK = (
    "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network "
    "plugin returns error: cni plugin not initialized"
)


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def architecture() -> str:
    machine = os.uname().machine
    return ARCHITECTURES.get(machine, machine)


class Node:
    """This host's Node object, with the properties it had at the start."""

    def __init__(self, settings: Settings, data_dir: Path, roles: list[str]) -> None:
        self.name = (settings.text("node-name") or socket.gethostname()).lower()
        self.roles, self.votes = roles, True
        self.taints = [_taint(text) for text in settings.items("node-taint")]
        self.external = settings.items("node-external-ip")
        self.address = (settings.items("node-ip") or [_default_address()])[0]
        arguments = [f"node-labels={','.join(settings.items('node-label'))}", *settings.items("kubelet-arg")]
        self.arguments = [
            argument if argument.startswith("--") else f"--{argument}" for argument in arguments
        ]
        try:
            self.kubelet = Kubelet(self.arguments, data_dir, settings.is_set("protect-kernel-defaults"))
        except KubeletError as error:
            fatal(f"Shutdown request received: kubelet exited: {error}")

    def check_host(self) -> None:
        """End the process if the kubelet would refuse to start."""
        info(f"Running kubelet {' '.join(self.arguments)}")
        try:
            self.kubelet.check_host()
        except KubeletError as error:
            fatal(f"Shutdown request received: kubelet exited: {error}")

    def registration(self, ready: bool) -> dict[str, Any]:
        """The message that registers this node with a server."""
        labels = {
            "kubernetes.io/arch": architecture(),
            "kubernetes.io/os": "linux",
            "kubernetes.io/hostname": self.name,
            "node.kubernetes.io/instance-type": "k3s",
            **{f"node-role.kubernetes.io/{role}": "true" for role in self.roles},
            **self.kubelet.labels,
        }
        metadata = {"name": self.name, "uid": str(uuid.uuid4()), "creationTimestamp": now(), "labels": labels}
        spec: dict[str, Any] = {"providerID": f"k3s://{self.name}"}
        if self.taints:
            spec["taints"] = self.taints
        node = {
            "kind": "Node",
            "apiVersion": "v1",
            "metadata": metadata,
            "spec": spec,
            "status": self.status(ready),
        }
        return {"node": node, "configz": self.kubelet.configz(), "password": _password()}

    def status(self, ready: bool) -> dict[str, Any]:
        capacity, allocatable = self.kubelet.resources()
        addresses = [{"type": "InternalIP", "address": self.address}]
        addresses += [{"type": "ExternalIP", "address": address} for address in self.external]
        addresses.append({"type": "Hostname", "address": self.name})
        return {
            "capacity": capacity,
            "allocatable": allocatable,
            "conditions": self._conditions(ready),
            "addresses": addresses,
            "nodeInfo": _node_info(),
        }

    def _conditions(self, ready: bool) -> list[dict[str, str]]:
        rows = [
            (
                f"{what}Pressure",
                "False",
                f"KubeletHasSufficient{what}",
                f"kubelet has sufficient {what} available",
            )
            for what in ("Memory", "Disk", "PID")
        ]
        if ready:
            rows.append(("Ready", "True", "KubeletReady", "kubelet is posting ready status"))
        else:
            rows.append(("Ready", "False", "KubeletNotReady", NO_NETWORK))
        if "etcd" in self.roles:
            state = "is a voting member" if self.votes else "has not been promoted to voting member"
            reason = "MemberNotLearner" if self.votes else "MemberIsLearner"
            rows.append(("EtcdIsVoter", str(self.votes), reason, f"Node {state} of the etcd cluster"))
        moment = now()
        return [
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "lastHeartbeatTime": moment,
                "lastTransitionTime": moment,
            }
            for kind, status, reason, message in rows
        ]


def _node_info() -> dict[str, str]:
    release, machine_id = Path("/etc/os-release"), Path("/etc/machine-id")
    lines = release.read_text().splitlines() if release.exists() else []
    names = [line.partition("=")[2].strip('"') for line in lines if line.startswith("PRETTY_NAME=")]
    return {
        "machineID": machine_id.read_text().strip() if machine_id.exists() else "",
        "kernelVersion": os.uname().release,
        "osImage": (names or ["Linux"])[0],
        "containerRuntimeVersion": "none://stand-in",
        "kubeletVersion": VERSION,
        "operatingSystem": "linux",
        "architecture": architecture(),
    }


def _default_address() -> str:
    """The address of the default route, from a connected datagram socket, which sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
        except OSError:
            fatal("unable to select an IP from default routes.")
        return str(sock.getsockname()[0])


def _password() -> str:
    path = Path(switch("node_dir"), "password")
    if not path.exists():
        write(path, secrets.token_hex(16))
    return path.read_text()


def _taint(text: str) -> dict[str, str]:
    pair, _, effect = text.rpartition(":")
    key, _, value = pair.partition("=")
    if effect not in ("NoSchedule", "PreferNoSchedule", "NoExecute") or not key:
        fatal(f"Shutdown request received: kubelet exited: invalid taint spec: {text}")
    return {"key": key, "value": value, "effect": effect} if value else {"key": key, "effect": effect}
