"""Show the progress of a run of bench-disk."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from skerry.remote.inventory import Host

COLOURS = {"PASS": "green", "INCONCLUSIVE": "yellow", "CPU-BOUND": "yellow", "SUSPECT": "red", "FAIL": "red"}


class ProgressDisplay:
    """One bar for each host on a terminal; elsewhere one line for each host and phase."""

    def __init__(self, hosts: list[Host], plan: dict[str, Any], show: bool) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, quiet=not show)
        self._total = sum(phase["seconds"] for phase in plan["phases"])
        self._progress = Progress(
            TextColumn("{task.fields[host]}"), BarColumn(20), TextColumn("{task.description}"),
            console=self._console, disable=not self._console.is_terminal,
        )  # fmt: skip
        self._tasks: dict[str, TaskID] = {
            host.name: self._progress.add_task("waiting", total=self._total, host=host.name) for host in hosts
        }
        self._phases: dict[str, str] = {}
        self._stack = ExitStack()

    def __enter__(self) -> ProgressDisplay:
        self._stack.enter_context(self._progress)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def update(self, host: str, line: dict[str, Any]) -> None:
        """Show a line of the engine's output, or a note about the host."""
        if "note" in line:
            self.log(f"{host}: {line['note']}")
            return
        phase = str(line["phase"])
        if self._phases.get(host) != phase:
            self._phases[host] = phase
            if not self._console.is_terminal:
                self.log(f"{host}: {phase}")
        slow = f": {line['slow_syncs']} of {line['syncs']} syncs over 10 ms" if "syncs" in line else ""
        self._progress.update(
            self._tasks[host], completed=line["seconds"], description=escape(f"{phase}{slow}")
        )

    def end(self, host: str, verdict: str) -> None:
        """Fill the host's bar and show `verdict`, which is "failed" for a host without a measurement."""
        colour = COLOURS.get(verdict, "red")
        description = f"[{colour}]{verdict}[/]"
        self._progress.update(self._tasks[host], completed=self._total, description=description)

    def log(self, text: str) -> None:
        """Print a line above the bars."""
        self._console.print(text)
