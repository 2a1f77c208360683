"""`invoke kubeconfig`: merge a cluster's administrator access into the user's kubeconfig."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from skerry.local.files import replace
from skerry.model.k3s.kubeconfig import merge, named
from skerry.remote import ssh
from skerry.remote.inventory import Inventory


def show(inventory: Inventory, context: str, file: str) -> None:
    """Merge, and print the file and the next command. "" means the cluster's name, and kubectl's own file."""
    path, name = Path(file) if file else default_file(), context or inventory.name
    backup = fetch(inventory, path, name)
    print(f"{path}: context {name}{f', backup in {backup}' if backup else ''}")
    print(f"Next: kubectl --context {name} get nodes")


def default_file() -> Path:
    """Return the first file of $KUBECONFIG, else ~/.kube/config."""
    first = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(first) if first else Path.home() / ".kube" / "config"


def fetch(inventory: Inventory, file: Path, context: str) -> Path | None:
    """Add the cluster to `file` as `context`, atomically and with mode 0600. Returns the old file's backup.

    Returns None if nothing changes or there was no file. Raises InputError if the first server cannot be reached or the
    file is not a kubeconfig, RuntimeError if the server has no K3s.
    """
    server = inventory.first_server
    with ssh.connect(server) as connection:
        k3s_yaml = ssh.run(connection, server, "cat /etc/rancher/k3s/k3s.yaml")
    endpoint = server.settings.k3s_api_endpoint or f"{server.address}:6443"
    existing = file.read_text() if file.exists() else ""
    merged = merge(existing, named(k3s_yaml, context, f"https://{endpoint}"), str(file))
    if merged == existing:
        return None
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    backup = _back_up(file) if file.exists() else None
    replace(file, merged, 0o600)
    return backup


def _back_up(file: Path) -> Path:
    backup = file.with_name(f"{file.name}.{time.strftime('%Y%m%dT%H%M%S')}.bak")
    shutil.copy2(file, backup)
    backup.chmod(0o600)
    return backup
