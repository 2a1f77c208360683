"""Files on the operator's machine: atomic writes, checksums, and a folder in memory for secrets."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from skerry.model.errors import InputError

BLOCK = 1 << 18


def replace(path: Path, text: str, mode: int = 0o644) -> None:
    """Write `path` atomically: a reader sees the old file or the new one, also after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "w", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def digest(path: Path) -> str:
    """Returns the file's sha256, cached by path, inode, modification time and size."""
    status = path.stat()
    return _digest(path, status.st_ino, status.st_mtime_ns, status.st_size)


@cache
def _digest(path: Path, inode: int, mtime_ns: int, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def private_folder() -> Iterator[Path]:
    """Yield a folder in memory (tmpfs, mode 0700), then remove it. Raises InputError without /dev/shm."""
    memory = Path("/dev/shm")  # noqa: S108  tmpfs: its content reaches no disk, swap aside
    if not memory.is_dir():
        raise InputError("there is no /dev/shm here to hold plaintext in memory; use a Linux machine")
    with tempfile.TemporaryDirectory(prefix="skerry-", dir=memory) as folder:
        yield Path(folder)
