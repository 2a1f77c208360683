"""An inventory as the tasks see it: groups, addresses and settings, validated."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.local.paths import PROJECT
from skerry.model.errors import InputError
from skerry.model.role import Role
from skerry.model.settings.settings import Settings, parse_settings


@dataclass(frozen=True)
class Host:
    """A host of the inventory and how to reach it."""

    name: str
    role: Role
    settings: Settings
    data: dict[str, Any]

    @property
    def address(self) -> str:
        return str(self.data.get("ssh_hostname") or self.name)

    @property
    def port(self) -> int:
        return int(self.data.get("ssh_port") or 22)

    @property
    def user(self) -> str:
        return str(self.data.get("ssh_user") or "root")

    @property
    def key(self) -> Path | None:
        return Path(self.data["ssh_key"]).expanduser() if self.data.get("ssh_key") else None

    @property
    def known_hosts(self) -> Path:
        return PROJECT / Path(self.data.get("ssh_known_hosts_file") or "~/.ssh/known_hosts").expanduser()

    @property
    def sudo(self) -> bool:
        return bool(self.data.get("_sudo"))


@dataclass(frozen=True)
class Inventory:
    """The hosts of one cluster, servers first. `name` is the file's, and the cluster's."""

    name: str
    path: Path
    hosts: tuple[Host, ...]

    @property
    def first_server(self) -> Host:
        return self.hosts[0]


def load(path: str, **override: Any) -> Inventory:
    """The inventory at `path`, settings overridden by `override`. Raises InputError for any mistake in it."""
    command = [sys.executable, "-m", "skerry.runner.engine", "show", path, "--data", json.dumps(override)]
    child = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if child.returncode != 0:
        raise InputError(child.stderr.strip() or f"{path}: cannot be read")
    shown = json.loads(child.stdout)
    roles: dict[str, Role] = {"servers": "server", "agents": "agent"}
    hosts = tuple(
        Host(name, role, _settings(name, shown["hosts"][name]), shown["hosts"][name])
        for group, role in roles.items()
        for name in shown["groups"][group]
    )
    return Inventory(Path(path).stem, Path(path), hosts)


def _settings(name: str, data: dict[str, Any]) -> Settings:
    return parse_settings(name, data, ignored=[key for key in data if key.startswith("ssh_")])


def load_all(paths: str) -> list[Inventory]:
    """The inventories at comma-separated paths. Raises InputError for any mistake in one, or one named twice."""
    names = [path.strip() for path in paths.split(",") if path.strip()]
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(load, names))
    if twice := {each.name for each in found if [one.name for one in found].count(each.name) > 1}:
        raise InputError(f"{min(twice)}: is named twice; a cluster goes by its inventory file's name")
    if not found:
        raise InputError("name at least one inventory file, such as inventories/oslo.py")
    return found
