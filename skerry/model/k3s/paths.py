"""K3s's paths and unit names on a host. They are upstream's, except that each version has its own binary."""

from __future__ import annotations

from skerry.model.role import Role

KUBECTL = "/usr/local/bin/k3s kubectl"
TOKEN, AGENT_TOKEN = "/etc/rancher/k3s/token", "/etc/rancher/k3s/agent-token"
SERVER = "/var/lib/rancher/k3s/server"
DATASTORE = f"{SERVER}/db"
SNAPSHOTS = f"{DATASTORE}/snapshots"
FULL_TOKEN = f"{SERVER}/token"
"""K3s writes this file: the token with the hash of the server's CA before it."""


def binary(version: str) -> str:
    """The binary of a version. /usr/local/bin/k3s links to the one in use."""
    return f"/usr/local/lib/k3s/{version}/k3s"


def images(filename: str) -> str:
    """Where K3s looks for an archive of container images when it starts."""
    return f"/var/lib/rancher/k3s/agent/images/{filename}"


def checksum_file(artifact: str) -> str:
    """The file with an artifact's checksum. It is not beside image archives, because K3s imports every file there."""
    folder, _, name = artifact.rpartition("/")
    return f"{folder.removesuffix('/images')}/{name}.sha256"


def unit(role: Role) -> str:
    """The systemd unit's name, without ".service"."""
    return "k3s" if role == "server" else "k3s-agent"
