"""`.skerry.yaml` in a fleet repository: what was scaffolded, and the checksums that tell edited files from others."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from skerry.local.files import replace
from skerry.model.errors import InputError
from skerry.model.yaml_text import dump

FILE = ".skerry.yaml"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
HEADER = "Written by Skerry: what it scaffolded, and checksums that show which files you edited. Commit it."


@dataclass
class ClusterMetadata:
    """A cluster that follows the repository: the overlay that its applications start from, and their names."""

    like: str
    apps: list[str] = field(default_factory=list)


@dataclass
class App:
    """An application: its image and the port it listens on."""

    image: str
    port: int


@dataclass
class Upgrades:
    """How a cluster upgrades its own hosts.

    `concurrency` agents are upgraded at a time, each drained within `drain_seconds`, to the K3s `version`.
    Hosts reboot in the `window`, "Sun 03:00" or "daily 03:00".
    """

    version: str
    concurrency: int
    drain_seconds: int
    window: str


@dataclass
class FleetMetadata:
    """Everything in .skerry.yaml. `files` holds the sha256 of each file as Skerry last wrote it.

    `kubernetes` ("1.36") and `flux` are the versions to lint for; CI gets Skerry from `skerry_url`.
    """

    name: str
    kubernetes: str
    flux: str
    skerry_url: str = ""
    clusters: dict[str, ClusterMetadata] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    upgrades: dict[str, Upgrades] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def save(self, root: Path) -> None:
        replace(root / FILE, dump(asdict(self), HEADER))


def load(root: Path) -> FleetMetadata:
    """The metadata of the repository at `root`. Raises InputError if its file is missing or damaged."""
    path = root / FILE
    if not path.is_file():
        raise InputError(
            f"{root}: is not a fleet repository, because it has no {FILE}; make one with `invoke fleet-init`"
        )
    try:
        data: dict[str, Any] = yaml.load(path.read_text(), Loader=LOADER)  # noqa: S506  a safe loader, in C if there
        data["clusters"] = {name: ClusterMetadata(**value) for name, value in data["clusters"].items()}
        data["apps"] = {name: App(**value) for name, value in data["apps"].items()}
        data["upgrades"] = {name: Upgrades(**value) for name, value in data.get("upgrades", {}).items()}
        return FleetMetadata(**data)
    except (yaml.YAMLError, TypeError, KeyError, AttributeError):
        raise InputError(f"{path}: is damaged; restore it from Git") from None


def find_root(path: Path) -> Path:
    """The fleet repository that holds `path`. Raises InputError if there is none."""
    for folder in (path, *path.parents):
        if (folder / FILE).is_file():
            return folder
    raise InputError(f"{path}: is in no fleet repository; make one with `invoke fleet-init`")


def sha256(text: str) -> str:
    """The checksum of a file's text, as `files` holds it."""
    return hashlib.sha256(text.encode()).hexdigest()
