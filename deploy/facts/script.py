"""Facts that are a shell script of their own: everything a phase needs, read in one remote execution."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

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


class Batch(FactBase[dict[int, list[str]]]):
    """The output of several scripts, by number, in one remote execution."""

    def command(self, scripts: list[str]) -> str:
        # On a line of its own, whatever a script's last line ended with.
        return "\n".join(
            f"printf '\\n%s\\n' '{BATCH}{number}'\n(\n{script}\n)" for number, script in enumerate(scripts)
        )

    def process(self, output: list[str]) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for line in output:
            if line.startswith(BATCH):
                if found and found[max(found)][-1:] == [""]:
                    found[max(found)].pop()  # the marker's own
                found[int(line.removeprefix(BATCH))] = []
            elif found:
                found[max(found)].append(line)
        return found


BATCH = "@@skerry-batch "


class Snapshot:
    """A host's fact, read once per stage, at the first operation that asks.

    The operations of a phase decide from the same snapshot, as it was before the phase changed anything.
    pyinfra evaluates operations once to detect changes and once more to execute: each has its own reading.
    The first to be asked reads all the snapshots of its host in one go. What was read ahead counts as long as
    nothing has changed on the host since; after a change each phase reads anew.
    """

    _of_host: ClassVar[dict[tuple[int, str], list[Snapshot]]] = {}  # by inventory and host

    def __init__(self, fact: type[FactBase[Any]], **arguments: Any) -> None:
        from pyinfra import host, inventory

        self._fact = fact
        self._arguments = arguments
        self._values: dict[bool, Any] = {}
        self._ahead: dict[bool, Any] = {}
        self._siblings = self._of_host.setdefault((id(inventory.get_data()), host.name), [])
        self._siblings.append(self)

    def __call__(self) -> Any:
        from pyinfra import host, state  # the host in whose context the calling operation runs

        stage = state.is_executing
        if stage not in self._values:
            if stage in self._ahead and not _changed():
                self._values[stage] = self._ahead[stage]
            elif stage and not _changed():
                self._read_all(stage)
            else:
                self._values[stage] = host.get_fact(self._fact, **self._arguments)
        return self._values[stage]

    def _read_all(self, stage: bool) -> None:
        from pyinfra import host

        waiting = [
            each
            for each in self._siblings
            if stage not in each._values and issubclass(each._fact, ScriptFact)
        ]
        if self not in waiting:
            self._values[stage] = host.get_fact(self._fact, **self._arguments)
            return
        facts = [(each, each._fact()) for each in waiting]
        scripts = [fact.command(**each._arguments) for each, fact in facts]
        output = host.get_fact(Batch, scripts=scripts)
        for number, (each, fact) in enumerate(facts):
            each._ahead[stage] = fact.process(output[number])
        self._values[stage] = self._ahead[stage]


def _changed() -> bool:
    """Whether an operation of this run has run a command on the host at hand."""
    from pyinfra import host, state

    return any(
        data.operation_meta.is_complete() and data.operation_meta.executed
        for data in state.ops[host].values()
    )
