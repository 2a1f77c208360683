"""The closing table of a task: one row per stage, and the next command."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from skerry.local.exit_codes import BAD_INPUT
from skerry.local.tables import new_table
from skerry.model.errors import InputError

Result = Literal["done", "unchanged", "skipped", "failed"]
COLOURS = {"done": "green", "unchanged": "cyan", "skipped": "yellow", "failed": "red"}


@dataclass(frozen=True)
class Stage:
    """One row of the closing table. `why` explains the result; `seconds` is the duration."""

    name: str
    result: Result
    why: str = ""
    seconds: float = 0.0


def timed(name: str, work: Callable[[], Stage]) -> Stage:
    """Call `work`. Returns its stage with the duration; an InputError or RuntimeError becomes a failed stage."""
    start = time.monotonic()
    try:
        stage = work()
    except (InputError, RuntimeError) as error:
        stage = Stage(name, "failed", str(error))
    return replace(stage, seconds=time.monotonic() - start)


def finish(code: int, stages: list[Stage], next_command: str, as_json: bool = False) -> int:
    """Print the stages, unless there are none or the code is that of bad input. Returns `code`."""
    if stages and code != BAD_INPUT:
        print_stages(stages, next_command, as_json)
    return code


def print_stages(stages: list[Stage], next_command: str, as_json: bool) -> None:
    """Print the table for people or JSON for programs on standard output."""
    if as_json:
        print(json.dumps({"stages": [asdict(stage) for stage in stages], "next": next_command}, indent=2))
        return
    console = Console(highlight=False)
    console.print(table(stages))
    console.print(f"Next: {next_command}")


def table(stages: list[Stage]) -> Table:
    """Build the table for people. A long `why` is wrapped."""
    table = new_table("stage", "result", "why", "seconds", fold=["why"])
    for stage in stages:
        result = f"[{COLOURS[stage.result]}]{stage.result}[/]"
        table.add_row(stage.name, result, escape(stage.why), f"{stage.seconds:.1f}")
    return table
