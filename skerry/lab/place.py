"""Where a lab keeps its things, and the mark by which its things on the machine are known."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from skerry.lab.host import LabError, Record
from skerry.local.paths import PROJECT

_DEFAULT = PROJECT / ".lab"
_thread = threading.RLock()  # flock is per open file: threads of one process need their own lock
_depth = 0


@dataclass(frozen=True)
class Place:
    """One lab's directory. Labs in different directories share a machine without touching each other."""

    root: Path

    @property
    def mark(self) -> str:
        """Begins every process, cgroup and interface name of this lab; nine characters."""
        return f"skerry{self.number:03x}"

    @property
    def number(self) -> int:
        """Tells this lab from others on the machine; below 4096."""
        return int(hashlib.sha256(str(self.root).encode()).hexdigest()[:3], 16)

    @property
    def images(self) -> Path:
        """Finished images, one directory each; unfinished ones end in `.building`."""
        return self.root / "images"

    @property
    def keys(self) -> Path:
        """The client key that opens every host of this lab."""
        return self.root / "keys"

    def host(self, name: str) -> Path:
        """Everything that belongs to one host."""
        return self.root / "hosts" / name

    def records(self) -> list[Record]:
        """Hosts that were created completely, by index; a half-made one has no record."""
        found = []
        for file in (self.root / "hosts").glob("*/host.json"):
            try:
                found.append(Record.parse(file.read_text()))
            except (ValueError, TypeError) as error:
                raise LabError(f"{file} is unreadable ({error}); remove {file.parent}") from error
        return sorted(found, key=lambda record: record.index)

    def keep(self, record: Record) -> Record:
        """Write `host.json`, whole or not at all."""
        file = self.host(record.name) / "host.json"
        file.with_suffix(".new").write_text(record.text())
        file.with_suffix(".new").rename(file)
        return record

    def record(self, name: str) -> Record:
        """The record of one host; LabError names the hosts there are."""
        records = self.records()
        for record in records:
            if record.name == name:
                return record
        known = ", ".join(record.name for record in records) or "none"
        raise LabError(f"no lab host called {name}; there are: {known}")

    @contextmanager
    def lock(self, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold the lab against other commands; calls `waiting` once if another one holds it now."""
        global _depth
        with _thread:
            if _depth:  # already ours
                yield
                return
            self.root.mkdir(parents=True, exist_ok=True)
            with (self.root / "lock").open("w") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    waiting()
                    fcntl.flock(file, fcntl.LOCK_EX)
                _depth += 1
                try:
                    yield
                finally:
                    _depth -= 1


def current() -> Place:
    """The lab of this environment: SKERRY_LAB, else `.lab` in the project."""
    root = Path(os.environ.get("SKERRY_LAB") or _DEFAULT).absolute()
    if any(char in str(root) for char in ":,\\\n"):
        raise LabError(f"SKERRY_LAB={root}: mounts cannot take ':', ',' or '\\' in a path; choose another")
    return Place(root)
