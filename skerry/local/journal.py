"""A run's journal: one lock per cluster, one folder per run, one JSON line per operation and host."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

from pyinfra.api.state import BaseStateCallback
from rich.console import Console

from skerry.local.cluster_lock import cluster_lock
from skerry.local.exit_codes import INTERRUPTED
from skerry.local.paths import RUNS
from skerry.runner.keepalive import lost

SECRET = ("password", "token", "secret", "passphrase")


class Journal:
    """What a run did: JSON lines in `.skerry/runs/<time>/journal.jsonl`, less the data whose name says secret."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    @classmethod
    @contextmanager
    def open(
        cls, inventory_path: Path, deploy: Path, inventory: Any, changes: bool = True
    ) -> Iterator[Journal]:
        """The journal of a new run. Ends the process when it `changes` a cluster that another run is changing."""
        with cluster_lock(inventory_path) if changes else nullcontext():
            started = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
            folder = RUNS / started
            folder.mkdir(parents=True, mode=0o700)
            with (folder / "journal.jsonl").open("w", buffering=1) as file:
                journal = cls(file)
                journal.write("run", inventory=str(inventory_path), deploy=str(deploy))
                for host in inventory:
                    data = {key: value for key, value in host.data.dict().items() if not _secret(key)}
                    journal.write("host", host=host.name, settings=data)
                _point_to(started)
                yield journal

    def write(self, event: str, **fields: Any) -> None:
        line = {"event": event, "time": time.time(), **fields}
        self._file.write(json.dumps(line, default=str) + "\n")


def _point_to(started: str) -> None:
    """Make `latest` the run's folder, in one rename: killed in between, it is the one before."""
    new = RUNS / f".{started}"
    new.symlink_to(started)
    new.replace(RUNS / "latest")


def read(inventory: Path, since: float) -> list[dict[str, Any]]:
    """The lines of the newest run with this inventory that began at `since` (Unix time) or later; else none."""
    for file in sorted(RUNS.glob("2*/journal.jsonl"), reverse=True):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        if not lines or lines[0]["time"] < since:
            break
        if lines[0]["inventory"] == str(inventory):
            return lines
    return []


def _secret(name: str) -> bool:
    return any(word in name.lower() for word in SECRET)


def end_when_interrupted(leave: Callable[[], None] = lambda: None) -> None:
    """Ctrl-C ends this process at once. Hosts finish the command they are at, as when this machine loses power."""

    def end(*signal_and_frame: object) -> None:
        leave()
        print("interrupted; run it again to go on", file=sys.stderr)
        os._exit(INTERRUPTED)

    signal.signal(signal.SIGINT, end)


class Recorder(BaseStateCallback):
    """Tells people and the journal how each operation went on each host."""

    def __init__(self, journal: Journal) -> None:
        self.unreachable: dict[str, str] = {}
        self._journal = journal
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._status = self._console.status("")
        self._begun: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self._sent: dict[str, float] = {}

    def host_connect_error(self, state: Any, host: Any, error: Any) -> None:  # type: ignore[override]
        self.unreachable.setdefault(host.name, str(error))

    def leave(self) -> None:
        """The run ends here and now."""
        self._status.stop()
        self._journal.write("interrupted")

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """The time before the first change, when preflight looks at every host."""
        name, begun, result = "Preflight | Look at every host", time.monotonic(), "failed"
        try:
            with self._console.status(name):
                yield
            result = "unchanged"
        finally:
            seconds = round(time.monotonic() - begun, 3)
            self._journal.write("end", host="", operation=name, result=result, seconds=seconds)

    def foretell(self, changes: Mapping[str, Sequence[str]]) -> None:
        """What the run is about to change on each host, as it looks now: "lab-1: Packages 1, Clock 3"."""
        for host, operations in changes.items():
            self._journal.write("plan", host=host, operations=operations)
            phases = Counter(name.partition(" | ")[0] for name in operations)
            told = ", ".join(f"{phase} {count}" for phase, count in phases.items())
            self._console.print(f"  {host}: {f'to change: {told}' if told else 'nothing to change'}")

    def operation_start(self, state: Any, op_hash: str) -> None:  # type: ignore[override]
        self._begun, self._ended, self._sent = {}, {}, {}
        self._operation = _name(state, op_hash)
        self._show(self._operation)

    def uploaded(self, host: Any, share: float) -> None:
        """So much of a file has been sent to a host."""
        self._sent[host.name] = share
        shares = ", ".join(f"{name} {sent:.0%}" for name, sent in self._sent.items())
        self._show(f"{self._operation}: {shares}")

    def _show(self, under_way: str) -> None:
        """Where somebody may watch."""
        if self._console.is_terminal:
            self._status.update(under_way)
            self._status.start()

    def operation_host_start(self, state: Any, host: Any, op_hash: str) -> None:  # type: ignore[override]
        self._begun[host.name] = time.monotonic()
        if op_hash in state.ops[host]:
            self._journal.write("start", host=host.name, operation=_name(state, op_hash))

    def operation_host_success(  # type: ignore[override]
        self, state: Any, host: Any, op_hash: str, retry_count: int = 0
    ) -> None:
        self._ended[host.name] = time.monotonic()

    def operation_host_error(  # type: ignore[override]
        self, state: Any, host: Any, op_hash: str, retry_count: int = 0, max_retries: int = 0
    ) -> None:
        self._status.stop()
        if lost(host):
            print(f"{host.name}: the connection was lost; run it again to go on", file=sys.stderr)
        self._tell(state, host, op_hash, "failed", time.monotonic())

    def operation_end(self, state: Any, op_hash: str) -> None:  # type: ignore[override]
        """Only now does pyinfra know which hosts an operation changed."""
        self._status.stop()
        for host in state.inventory:
            if host.name in self._ended and op_hash in state.ops[host]:
                changed = state.ops[host][op_hash].operation_meta.did_change()
                self._tell(
                    state, host, op_hash, "changed" if changed else "unchanged", self._ended[host.name]
                )

    def _tell(self, state: Any, host: Any, op_hash: str, result: str, ended: float) -> None:
        seconds, name = ended - self._begun[host.name], _name(state, op_hash)
        self._journal.write("end", host=host.name, operation=name, result=result, seconds=round(seconds, 3))
        if result != "unchanged":
            colour = "green" if result == "changed" else "red"
            self._console.print(
                f"  {host.name}: {name}: [{colour}]{result}[/] ({seconds:.1f} s)", markup=True
            )


def _name(state: Any, op_hash: str) -> str:
    """Phase and operation: "K3s | Link the version"."""
    return ", ".join(sorted(state.op_meta[op_hash].names))
