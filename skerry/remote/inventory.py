"""The hosts of a cluster: addresses, logins and validated settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.local.paths import PROJECT
from skerry.model.role import Role
from skerry.model.settings.settings import Settings


@dataclass(frozen=True)
class Host:
    """A host of the inventory: its settings, and pyinfra's `data`, which also says how to reach it."""

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
    """The hosts of one cluster, servers first. `name`: of the file without suffix, and of the cluster."""

    name: str
    path: Path
    hosts: tuple[Host, ...]

    @property
    def first_server(self) -> Host:
        return self.hosts[0]
