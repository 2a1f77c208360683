"""pyinfra callback handlers that record each operation's result on each host."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from pyinfra.api.state import BaseStateCallback
from rich.console import Console

from skerry.local.journal import Journal
from skerry.runner.keepalive import is_lost

Result = Literal["changed", "unchanged", "failed"]


class Recorder(BaseStateCallback):
    """Writes the start and the end of each operation on each host to the journal."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._started: dict[str, float] = {}
        self._succeeded: dict[str, float] = {}

    def interrupted(self) -> None:
        """Write to the journal that the user has interrupted the run."""
        self.journal.write("interrupted")

    def operation_start(self, state: Any, op_hash: str) -> None:  # type: ignore[override]
        self._started, self._succeeded = {}, {}

    def operation_host_start(self, state: Any, host: Any, op_hash: str) -> None:  # type: ignore[override]
        self._started[host.name] = time.monotonic()
        if op_hash in state.ops[host]:
            self.journal.write("start", host=host.name, operation=name(state, op_hash))

    def operation_host_success(  # type: ignore[override]
        self, state: Any, host: Any, op_hash: str, retry_count: int = 0
    ) -> None:
        self._succeeded[host.name] = time.monotonic()

    def operation_host_error(  # type: ignore[override]
        self, state: Any, host: Any, op_hash: str, retry_count: int = 0, max_retries: int = 0
    ) -> None:
        if is_lost(host):
            print(f"{host.name}: the connection was lost; run it again to go on", file=sys.stderr)
        self.record(host.name, name(state, op_hash), "failed", time.monotonic() - self._started[host.name])

    def operation_end(self, state: Any, op_hash: str) -> None:  # type: ignore[override]
        """Record success on each host. Not earlier: only now does pyinfra know which hosts the operation changed."""
        for host in state.inventory:
            if host.name in self._succeeded and op_hash in state.ops[host]:
                changed = state.ops[host][op_hash].operation_meta.did_change()
                seconds = self._succeeded[host.name] - self._started[host.name]
                self.record(host.name, name(state, op_hash), "changed" if changed else "unchanged", seconds)

    def record(self, host: str, operation: str, result: Result, seconds: float) -> None:
        """Write an operation's result on a host to the journal."""
        self.journal.write("end", host=host, operation=operation, result=result, seconds=round(seconds, 3))


class ConsoleRecorder(Recorder):
    """Shows progress and results on standard error, too."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._status = self._console.status("")
        self._operation = ""
        self._uploads: dict[str, float] = {}

    def interrupted(self) -> None:
        self._status.stop()
        super().interrupted()

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """Show and record the time before the first change, in which preflight reads every host."""
        operation, started, result = "Preflight | Look at every host", time.monotonic(), "failed"
        try:
            with self._console.status(operation):
                yield
            result = "unchanged"
        finally:
            seconds = round(time.monotonic() - started, 3)
            self.journal.write("end", host="", operation=operation, result=result, seconds=seconds)

    def plan(self, changes: Mapping[str, Sequence[str]]) -> None:
        """Record and print what the run will change on each host, as far as is known: "lab-1: Packages 1, Clock 3"."""
        for host, operations in changes.items():
            self.journal.write("plan", host=host, operations=operations)
            counts = Counter(operation.partition(" | ")[0] for operation in operations)
            summary = ", ".join(f"{phase} {count}" for phase, count in counts.items())
            self._console.print(f"  {host}: {f'to change: {summary}' if summary else 'nothing to change'}")

    def operation_start(self, state: Any, op_hash: str) -> None:  # type: ignore[override]
        super().operation_start(state, op_hash)
        self._operation, self._uploads = name(state, op_hash), {}
        self._show(self._operation)

    def uploaded(self, host: Any, share: float) -> None:
        """Show the share of a file, 0 to 1, that has been sent to a host."""
        self._uploads[host.name] = share
        shares = ", ".join(f"{host_name} {share:.0%}" for host_name, share in self._uploads.items())
        self._show(f"{self._operation}: {shares}")

    def _show(self, text: str) -> None:
        if self._console.is_terminal:
            self._status.update(text)
            self._status.start()

    def operation_host_error(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        self._status.stop()
        super().operation_host_error(*args, **kwargs)

    def operation_end(self, state: Any, op_hash: str) -> None:  # type: ignore[override]
        self._status.stop()
        super().operation_end(state, op_hash)

    def record(self, host: str, operation: str, result: Result, seconds: float) -> None:
        super().record(host, operation, result, seconds)
        if result != "unchanged":
            colour = "green" if result == "changed" else "red"
            self._console.print(
                f"  {host}: {operation}: [{colour}]{result}[/] ({seconds:.1f} s)", markup=True
            )


def name(state: Any, op_hash: str) -> str:
    """Returns phase and operation: "K3s | Link the version"."""
    return ", ".join(sorted(state.op_meta[op_hash].names))
