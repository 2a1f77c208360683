"""Facts that are one shell script each, which reads all that a phase needs in one remote execution."""

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
        """Returns the remote command with positional arguments. No argument may be a secret: argv may contain it."""
        # "true": a script may end with a test that is false, which is no failure.
        return f"{COMMON}\nset -- {shlex.join(arguments)}\n{_text(self.script)}\ntrue"


@cache
def _text(script: str) -> str:
    return (FOLDER / f"{script}.sh").read_text()


def file_states(lines: Iterable[str]) -> dict[str, str]:
    """Returns `File.state` by path, from lines of `file_states` in common.sh: "/etc/fstab 644 root root <sha256>"."""
    return dict(line.split(" ", 1) for line in lines)
