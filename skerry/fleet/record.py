"""`.skerry.yaml` in the fleet repository: what was scaffolded, so that a later run can tell edits from its own."""

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
HEADER = "Written by Skerry: what it scaffolded, and the checksums by which it knows your edits. Commit it."


@dataclass
class Cluster:
    """A cluster that follows the repository: the overlay its applications start from, and which there are."""

    like: str
    apps: list[str] = field(default_factory=list)


@dataclass
class App:
    """An application: its image and the port it listens on."""

    image: str
    port: int


@dataclass
class Upgrades:
    """How a cluster pulls its hosts' upgrades: the K3s version, agents at a time, drain's deadline, reboot window."""

    version: str
    concurrency: int
    drain_seconds: int
    window: str


@dataclass
class Record:
    """The scaffold so far. `files` holds the sha256 of each file as Skerry last wrote it."""

    name: str
    kubernetes: str
    flux: str
    skerry_url: str = ""
    clusters: dict[str, Cluster] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    upgrades: dict[str, Upgrades] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def save(self, root: Path) -> None:
        replace(root / FILE, dump(asdict(self), HEADER))


def load(root: Path) -> Record:
    """The record of the repository at `root`. Raises InputError when there is none or it is damaged."""
    path = root / FILE
    if not path.is_file():
        raise InputError(
            f"{root}: is no fleet repository, it has no {FILE}; make one with `invoke fleet-init`"
        )
    try:
        data: dict[str, Any] = yaml.load(path.read_text(), Loader=LOADER)  # noqa: S506  safe, and in C where it can be
        data["clusters"] = {name: Cluster(**each) for name, each in data["clusters"].items()}
        data["apps"] = {name: App(**each) for name, each in data["apps"].items()}
        data["upgrades"] = {name: Upgrades(**each) for name, each in data.get("upgrades", {}).items()}
        return Record(**data)
    except (yaml.YAMLError, TypeError, KeyError, AttributeError):
        raise InputError(f"{path}: is damaged; restore it from Git") from None


def find_root(path: Path) -> Path:
    """The fleet repository that `path` is in. Raises InputError when it is in none."""
    for folder in (path, *path.parents):
        if (folder / FILE).is_file():
            return folder
    raise InputError(f"{path}: is in no fleet repository; make one with `invoke fleet-init`")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
