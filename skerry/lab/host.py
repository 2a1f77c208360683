"""A lab host: the request for it, its record on disk, and its state as callers see it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

FRESH = "fresh"
"""The label of the snapshot that a qemu host gets after its first boot."""

State = Literal["running", "stopped"]


class LabError(RuntimeError):
    """The lab could not do something; one line with the reason and the remedy."""


@dataclass(frozen=True)
class LabHost:
    """A lab host as callers see it. `state` and `pid` are those of the moment of the call."""

    name: str
    backend: str
    address: str
    port: int
    user: str
    key: Path
    known_hosts: Path
    state: State
    pid: int | None
    cpus: int
    memory_mib: int
    api_port: int | None = None
    """The port of this machine that is forwarded to the host's port 6443 (qemu only)."""
    lan_address: str | None = None
    """The host's address for other lab hosts of the same backend."""


@dataclass(frozen=True)
class Spec:
    """The properties of a host to be created."""

    name: str
    backend: str
    memory_mib: int = 3072
    cpus: int = 2
    disk_gib: int = 20
    kernel_args: str = ""


@dataclass(frozen=True)
class HostRecord:
    """The content of a host's `host.json`, from its creation to its removal."""

    name: str
    backend: str
    index: int
    """1 to 99, unique in the lab: part of the machine name and of the address."""
    machine: str
    """The lab's resource prefix and the index: names the host's processes, cgroups and interfaces."""
    image: str
    """The image's directory below images/."""
    address: str
    port: int
    """Where this machine reaches the host's SSH."""
    lan_address: str
    """The host's address for other lab hosts of the same backend."""
    cpus: int
    memory_mib: int
    disk_gib: int
    kernel_args: str = ""
    api_port: int | None = None

    def text(self) -> str:
        """The content of `host.json`."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def parse(cls, text: str) -> HostRecord:
        """Parse the content of `host.json`. Raises ValueError or TypeError if it is malformed."""
        return cls(**json.loads(text))
