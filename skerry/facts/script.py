"""Facts that are a shell script each: all that a phase needs, read in one remote execution."""

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
    """Runs `common.sh` and then `<script>.sh` of this folder. Subclasses parse the output."""

    abstract = True
    script: str

    def run(self, *arguments: str) -> str:
        """The remote command, with positional arguments. None may be a secret: they may stand in argv."""
        # "true": a script may end with a test that is false, which is no failure.
        return f"{COMMON}\nset -- {shlex.join(arguments)}\n{_text(self.script)}\ntrue"


@cache
def _text(script: str) -> str:
    return (FOLDER / f"{script}.sh").read_text()


def file_states(lines: Iterable[str]) -> dict[str, str]:
    """`File.state` by path, from the lines of `file_states` in common.sh: "/etc/fstab 644 root root <sha256>"."""
    return dict(line.split(" ", 1) for line in lines)
