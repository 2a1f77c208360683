"""Access to a cluster's API: kubectl on the first server over SSH, and a tunnel for flux."""

from __future__ import annotations

import json
import shlex
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fabric
import yaml

from skerry.local.files import private_folder, replace
from skerry.model.k3s.kubeconfig import named
from skerry.model.root_shell import root_shell
from skerry.remote import ssh
from skerry.remote.inventory import Host, Inventory

FLUX_KINDS = (
    "gitrepositories.source.toolkit.fluxcd.io",
    "kustomizations.kustomize.toolkit.fluxcd.io",
    "helmreleases.helm.toolkit.fluxcd.io",
)


@dataclass(frozen=True)
class Cluster:
    """An open connection to the first server, where kubectl has administrator rights."""

    connection: fabric.Connection
    host: Host

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl. Returns its output. Raises RuntimeError with its last error line. Pass secrets in `stdin`."""
        script = f"PATH=$PATH:/usr/local/bin exec k3s kubectl {shlex.join(arguments)}"
        sender, stdout, stderr = self.connection.client.exec_command(root_shell(script, self.host.sudo))
        sender.write(stdin)
        sender.channel.shutdown_write()
        output, error = str(stdout.read(), "utf-8"), str(stderr.read(), "utf-8")
        if stdout.channel.recv_exit_status():
            raise RuntimeError(f"{self.host.name}: kubectl {arguments[0]}: {last_line(error)}")
        return output

    def get(self, *arguments: str) -> dict[str, Any]:
        """Returns the object or the list; {} if no object has that name."""
        text = self.kubectl("get", *arguments, "--ignore-not-found", "-o", "json")
        objects: dict[str, Any] = json.loads(text) if text.strip() else {}
        return objects

    def apply(self, manifest: Mapping[str, object]) -> None:
        """Create or change an object. The manifest is sent on standard input, because it may be a Secret."""
        self.kubectl(
            "apply",
            "--server-side",
            "--force-conflicts",
            "--field-manager=skerry",
            "-f",
            "-",
            stdin=json.dumps(manifest),
        )

    def flux_objects(self) -> list[dict[str, Any]]:
        """Returns Flux's GitRepositories, Kustomizations and HelmReleases; [] if Flux is not installed."""
        try:
            return self._list(FLUX_KINDS)
        except RuntimeError as error:
            if "have a resource type" not in str(error):
                raise
        # Some kinds are missing: list the others.
        installed = {item["metadata"]["name"] for item in self.get("crd").get("items", [])}
        return self._list([kind for kind in FLUX_KINDS if kind in installed])

    def _list(self, kinds: Sequence[str]) -> list[dict[str, Any]]:
        listing = self.get(",".join(kinds), "--all-namespaces") if kinds else {}
        items: list[dict[str, Any]] = listing.get("items", [])
        return items

    def set_suspended(self, objects: Sequence[dict[str, Any]], suspended: bool) -> None:
        """Suspend Flux's objects, or resume them if `suspended` is False."""
        patch = json.dumps({"spec": {"suspend": suspended}})
        for item in objects:
            group = item["apiVersion"].partition("/")[0]
            kind, metadata = f"{item['kind'].lower()}.{group}", item["metadata"]
            target = (kind, metadata["name"], "--namespace", metadata["namespace"])
            self.kubectl("patch", *target, "--type=merge", f"--patch={patch}")


def last_line(text: str) -> str:
    """Returns the last line of a program's output, "no output" if it is empty."""
    return (text.strip().splitlines() or ["no output"])[-1]


@contextmanager
def reach(inventory: Inventory) -> Iterator[Cluster]:
    """Yield a connection to the inventory's cluster. Raises InputError if its first server cannot be reached."""
    server = inventory.first_server
    with ssh.connect(server) as connection:
        yield Cluster(connection, server)


@contextmanager
def tunnel(cluster: Cluster, context: str) -> Iterator[Path]:
    """Yield a kubeconfig in memory, mode 0600, whose only context reaches the cluster's API server through SSH."""
    k3s_yaml = cluster.kubectl("config", "view", "--raw")
    config = named(k3s_yaml, context, "")
    server = urlsplit(yaml.safe_load(k3s_yaml)["clusters"][0]["cluster"]["server"])
    port = _free_port()
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{port}"
    forward = cluster.connection.forward_local(port, server.port or 6443, server.hostname or "127.0.0.1")
    with private_folder() as folder, forward:
        file = folder / "kubeconfig"
        replace(file, yaml.safe_dump(config, sort_keys=False), 0o600)
        yield file


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
