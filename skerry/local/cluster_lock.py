"""The lock that lets one run at a time change a cluster."""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skerry.local.console import report
from skerry.local.exit_codes import FAILED
from skerry.local.paths import LOCKS


@contextmanager
def cluster_lock(inventory: Path) -> Iterator[None]:
    """Hold the lock of the inventory's cluster. Exits with FAILED if another process holds it.

    The kernel releases the lock when this process ends, even if it is killed.
    """
    LOCKS.mkdir(parents=True, exist_ok=True)
    with (LOCKS / inventory.stem).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"another run is changing {inventory.stem}; wait for it to end")
            sys.exit(FAILED)
        yield
