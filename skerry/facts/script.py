"""Facts that are a shell script of their own: everything a phase needs, read in one remote execution."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TypeVar

from pyinfra.api.facts import FactBase

T = TypeVar("T")

FOLDER = Path(__file__).parent
COMMON = (FOLDER / "common.sh").read_text()


class ScriptFact(FactBase[T]):
    """Runs `<script>.sh` beside this file, after `common.sh`, with positional arguments; subclasses parse its lines."""

    abstract = True
    script: str

    def run(self, *arguments: str) -> str:
        """The remote command. Arguments are quoted; none of them may be a secret (they may stand in argv)."""
        # "true", because a last test that says no is no failure.
        return f"{COMMON}\nset -- {shlex.join(arguments)}\n{_text(self.script)}\ntrue"


@cache
def _text(script: str) -> str:
    return (FOLDER / f"{script}.sh").read_text()


def file_states(lines: Iterable[str]) -> dict[str, str]:
    """States by path, from lines of `file_states` in common.sh: "/etc/fstab 644 root root <sha256>"."""
    return dict(line.split(" ", 1) for line in lines)
