"""Journals: one folder per run in `.skerry/runs/`, with one JSON line per event."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

from skerry.local.paths import RUNS

SECRET_WORDS = ("password", "token", "secret", "passphrase")


class Journal:
    """The journal of one run: `.skerry/runs/<time>/journal.jsonl`."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    @classmethod
    @contextmanager
    def open(cls, inventory: Path, deploy: str) -> Iterator[Journal]:
        """Yield the journal of a new run, after pointing the link `latest` to its folder."""
        started = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
        folder = RUNS / started
        folder.mkdir(parents=True, mode=0o700)
        with (folder / "journal.jsonl").open("w", buffering=1) as file:
            journal = cls(file)
            journal.write("run", inventory=str(inventory), deploy=deploy)
            _point_latest_to(folder)
            yield journal

    def write(self, event: str, **fields: Any) -> None:
        """Append a line with the event, the time and the fields."""
        line = {"event": event, "time": time.time(), **fields}
        self._file.write(json.dumps(line, default=str) + "\n")

    def write_hosts(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        """Append each host's settings, except those with one of SECRET_WORDS in their name."""
        for host, values in settings.items():
            self.write("host", host=host, settings={k: v for k, v in values.items() if not _is_secret(k)})


def read(inventory: Path, since: float) -> list[dict[str, Any]]:
    """Returns the lines of this inventory's newest run, [] if no run began at `since` (Unix time) or later."""
    for file in sorted(RUNS.glob("2*/journal.jsonl"), reverse=True):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        if not lines or lines[0]["time"] < since:
            break
        if lines[0]["inventory"] == str(inventory):
            return lines
    return []


def _point_latest_to(folder: Path) -> None:
    """Replace the link in one rename, so that `latest` always points to a run."""
    new = folder.with_name(f".{folder.name}")
    new.symlink_to(folder.name)
    new.replace(folder.with_name("latest"))


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in SECRET_WORDS)
