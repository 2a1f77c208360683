"""A lab host: what is kept about it on disk, and what callers see of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

FRESH = "fresh"  # the snapshot of a host as it was when it was new, where its backend takes one
State = Literal["running", "stopped"]


class LabError(RuntimeError):
    """One plain line: what went wrong, why, what to do about it."""


@dataclass(frozen=True)
class Host:
    """A lab host as callers see it; `state` and `pid` were true when it was asked for."""

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
    api_port: int | None = None  # where the host's port 6443 answers on this machine (qemu only)
    lan_address: str | None = None  # where other lab hosts of the same backend reach it


@dataclass(frozen=True)
class Spec:
    """What a new host shall be."""

    name: str
    backend: str
    memory_mib: int = 3072
    cpus: int = 2
    disk_gib: int = 20
    kernel_args: str = ""


@dataclass(frozen=True)
class Record:
    """What is kept about a host in `host.json`, from its creation to its removal."""

    name: str
    backend: str
    index: int  # 1 to 99, unique in this lab: part of the machine name and of the address
    machine: str  # marks the host's processes, cgroups and interfaces
    image: str  # directory name below images/
    address: str
    port: int
    lan_address: str
    cpus: int
    memory_mib: int
    disk_gib: int
    kernel_args: str = ""
    api_port: int | None = None

    def text(self) -> str:
        """The content of `host.json`."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def parse(cls, text: str) -> Record:
        """Read what `text` wrote; raises ValueError or TypeError when it is something else."""
        return cls(**json.loads(text))
