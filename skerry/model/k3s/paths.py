"""Where K3s stands on a host. Unit names and data folders are upstream's; the binary is kept by version."""

from __future__ import annotations

from skerry.model.role import Role

KUBECTL = "/usr/local/bin/k3s kubectl"
TOKEN, AGENT_TOKEN = "/etc/rancher/k3s/token", "/etc/rancher/k3s/agent-token"
SERVER = "/var/lib/rancher/k3s/server"
DATASTORE = f"{SERVER}/db"
SNAPSHOTS = f"{DATASTORE}/snapshots"
FULL_TOKEN = f"{SERVER}/token"  # TOKEN with the hash of the server's CA before it, as K3s writes it


def binary(version: str) -> str:
    """The binary of a version; /usr/local/bin/k3s links to the one in use."""
    return f"/usr/local/lib/k3s/{version}/k3s"


def images(filename: str) -> str:
    """Where K3s looks, at its start, for an archive of container images."""
    return f"/var/lib/rancher/k3s/agent/images/{filename}"


def checksum_file(artifact: str) -> str:
    """The file that remembers an artifact's checksum. Among images there is none: K3s takes every file for one."""
    folder, _, name = artifact.rpartition("/")
    return f"{folder.removesuffix('/images')}/{name}.sha256"


def unit(role: Role) -> str:
    """The systemd unit's name, without ".service"."""
    return "k3s" if role == "server" else "k3s-agent"
