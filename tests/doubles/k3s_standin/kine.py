"""SQLite as K3s uses it: one database file in write-ahead mode, open as long as the server runs.

The latest writes are in the log beside it: a copy of the database file alone lacks them.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path


class Kine:
    """The state as one row. Callers hold the cluster's lock."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(str(path), check_same_thread=False, isolation_level=None)
        path.chmod(0o600)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE IF NOT EXISTS kine (id INTEGER PRIMARY KEY, value TEXT)")

    def read(self) -> str:
        """The newest state; "" if there is none."""
        row = self._db.execute("SELECT value FROM kine WHERE id = 1").fetchone()
        return str(row[0]) if row else ""

    def write(self, text: str) -> None:
        """Store the state. It is on disk when this returns."""
        self._db.execute("INSERT OR REPLACE INTO kine VALUES (1, ?)", (text,))

    def close(self) -> None:
        self._db.close()
