"""K3s's paths and unit names on a host. They are K3s's defaults, except that each version has its own binary."""

from __future__ import annotations

from skerry.model.role import Role

KUBECTL = "/usr/local/bin/k3s kubectl"
TOKEN, AGENT_TOKEN = "/etc/rancher/k3s/token", "/etc/rancher/k3s/agent-token"
SERVER = "/var/lib/rancher/k3s/server"
DATASTORE = f"{SERVER}/db"
SNAPSHOTS = f"{DATASTORE}/snapshots"
FULL_TOKEN = f"{SERVER}/token"
"""The token with the hash of the server's CA before it. K3s writes this file."""


def binary(version: str) -> str:
    """Returns the path of a version's binary. /usr/local/bin/k3s links to the binary in use."""
    return f"/usr/local/lib/k3s/{version}/k3s"


def images(filename: str) -> str:
    """Returns the path where K3s looks for an archive of container images when it starts."""
    return f"/var/lib/rancher/k3s/agent/images/{filename}"


def checksum_file(artifact: str) -> str:
    """Returns the path of an artifact's checksum: not in the images folder, because K3s imports every file there."""
    folder, _, name = artifact.rpartition("/")
    return f"{folder.removesuffix('/images')}/{name}.sha256"


def unit(role: Role) -> str:
    """Returns the systemd unit's name, without ".service"."""
    return "k3s" if role == "server" else "k3s-agent"
