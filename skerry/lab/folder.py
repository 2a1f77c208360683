"""A lab's folder: its paths, the records of its hosts, its lock, and the prefix of its resources on this machine."""

from __future__ import annotations

import fcntl
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from skerry.lab.host import HostRecord, LabError
from skerry.local import files
from skerry.local.paths import lab_folder

# flock() locks an open file, not a thread: the threads of one process need a lock of their own.
_thread_lock = threading.RLock()
_lock_depth = 0


@dataclass(frozen=True)
class LabFolder:
    """The folder of one lab. Labs in different folders share a machine without touching each other."""

    root: Path

    @property
    def resource_prefix(self) -> str:
        """First nine characters of the name of every process, cgroup and network interface of this lab."""
        return f"skerry{self.number:03x}"

    @property
    def number(self) -> int:
        """A hash of the folder, below 4096, that tells this lab from others on the machine."""
        return int(hashlib.sha256(str(self.root).encode()).hexdigest()[:3], 16)

    @property
    def images(self) -> Path:
        """Finished images, one directory each; the names of unfinished ones end in `.building`."""
        return self.root / "images"

    @property
    def keys(self) -> Path:
        """The folder of the SSH client key that every host of this lab accepts."""
        return self.root / "keys"

    def host_folder(self, name: str) -> Path:
        """The folder of one host: record, keys, seed, disk, snapshots, console log."""
        return self.root / "hosts" / name

    def records(self) -> list[HostRecord]:
        """Returns all records by index; an interrupted creation leaves none. Raises LabError if one is unreadable."""
        records = []
        for path in (self.root / "hosts").glob("*/host.json"):
            try:
                records.append(HostRecord.parse(path.read_text()))
            except (ValueError, TypeError) as error:
                raise LabError(f"{path} is unreadable ({error}); remove {path.parent}") from error
        return sorted(records, key=lambda record: record.index)

    def save(self, record: HostRecord) -> HostRecord:
        """Write the host's `host.json` atomically. Returns the record."""
        files.replace(self.host_folder(record.name) / "host.json", record.text())
        return record

    def record(self, name: str) -> HostRecord:
        """The record of one host. Raises LabError with the names of all hosts if there is none."""
        records = self.records()
        for record in records:
            if record.name == name:
                return record
        known = ", ".join(record.name for record in records) or "none"
        raise LabError(f"no lab host called {name}; there are: {known}")

    @contextmanager
    def lock(self, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Exclude other lab commands. Calls `on_wait` once if another command holds the lock."""
        global _lock_depth
        with _thread_lock:
            if _lock_depth:  # this process holds it
                yield
                return
            self.root.mkdir(parents=True, exist_ok=True)
            with (self.root / "lock").open("w") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    on_wait()
                    fcntl.flock(file, fcntl.LOCK_EX)
                _lock_depth += 1
                try:
                    yield
                finally:
                    _lock_depth -= 1


def current_lab() -> LabFolder:
    """Returns the lab in the folder SKERRY_LAB, else in `.lab`. Raises LabError if mounts cannot take its path."""
    root = lab_folder()
    if any(char in str(root) for char in ":,\\\n"):
        raise LabError(f"SKERRY_LAB={root}: mounts cannot take ':', ',' or '\\' in a path; choose another")
    return LabFolder(root)
