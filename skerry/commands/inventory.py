"""Read inventory files: a process of the runner evaluates them, because that needs pyinfra."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from skerry.local.paths import PROJECT
from skerry.model.errors import InputError
from skerry.model.role import Role
from skerry.model.settings.settings import Settings, parse_settings
from skerry.remote.inventory import Host, Inventory

ROLES: dict[str, Role] = {"servers": "server", "agents": "agent"}


def load(path: str, **override: Any) -> Inventory:
    """Read the inventory at `path`. `override` replaces settings by name. Raises InputError for any mistake."""
    command = [sys.executable, "-m", "skerry.runner.engine", "show", path, "--data", json.dumps(override)]
    runner = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if runner.returncode != 0:
        raise InputError(runner.stderr.strip() or f"{path}: cannot be read")
    return from_data(Path(path).stem, Path(path), json.loads(runner.stdout))


def from_data(name: str, path: Path, data: dict[str, Any]) -> Inventory:
    """Build an inventory from its groups and each host's data. Raises InputError for a mistake in the data."""
    hosts = tuple(
        Host(host, role, _settings(host, data["hosts"][host]), data["hosts"][host])
        for group, role in ROLES.items()
        for host in data["groups"][group]
    )
    return Inventory(name, path, hosts)


def _settings(host: str, data: dict[str, Any]) -> Settings:
    return parse_settings(host, data, ignored=[key for key in data if key.startswith("ssh_")])


def load_all(paths: str) -> list[Inventory]:
    """Read the inventories at comma-separated paths. Raises InputError for any mistake, or if two share a name."""
    names = [path.strip() for path in paths.split(",") if path.strip()]
    if not names:
        raise InputError("name at least one inventory file, such as inventories/oslo.py")
    with ThreadPoolExecutor() as pool:
        inventories = list(pool.map(load, names))
    clusters = Counter(inventory.name for inventory in inventories)
    if twice := [name for name, count in clusters.items() if count > 1]:
        raise InputError(f"{min(twice)}: is named twice; a cluster has the name of its inventory file")
    return inventories
