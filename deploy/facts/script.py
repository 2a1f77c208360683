"""Facts that are a shell script of their own: everything a phase needs, read in one remote execution."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pyinfra.api.facts import FactBase

T = TypeVar("T")

FOLDER = Path(__file__).parent


class ScriptFact(FactBase[T]):
    """Runs `<script>.sh` beside this file, after `common.sh`, with positional arguments; subclasses parse its lines."""

    abstract = True
    script: str

    def run(self, *arguments: str) -> str:
        """The remote command. Arguments are quoted; none of them may be a secret (they stand in argv)."""
        common, script = ((FOLDER / f"{name}.sh").read_text() for name in ("common", self.script))
        # "true", because a last test that says no is no failure.
        return f"set -- {shlex.join(arguments)}\n{common}\n{script}\ntrue"


def file_states(lines: Iterable[str]) -> dict[str, str]:
    """States by path, from lines of `file_states` in common.sh: "/etc/fstab 644 root root <sha256>"."""
    return dict(line.split(" ", 1) for line in lines)


class Snapshot:
    """A host's fact, read once per stage, at the first operation that asks.

    The operations of a phase decide from the same snapshot, as it was before the phase changed anything.
    pyinfra evaluates operations once to detect changes and once more to execute: each has its own reading.
    """

    def __init__(self, fact: type[FactBase[Any]], **arguments: Any) -> None:
        self._fact = fact
        self._arguments = arguments
        self._values: dict[bool, Any] = {}

    def __call__(self) -> Any:
        from pyinfra import host, state  # the host in whose context the calling operation runs

        stage = state.is_executing
        if stage not in self._values:
            self._values[stage] = host.get_fact(self._fact, **self._arguments)
        return self._values[stage]
