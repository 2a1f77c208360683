"""What operations decide from: a host's facts, read together and kept until something changes on that host.

This is the one place where what Skerry does to a host leans on how pyinfra works inside (controller/economy.py is
about speed alone). tests/unit/test_snapshot.py drives the installed pyinfra through it, and fails when a release
works another way:

- `host.get_fact` runs its command each time it is asked. pyinfra keeps nothing, so what is kept is kept here.
- `_stdin` of a fact goes to the remote shell: the script stands in no argv and is bound by no limit of one.
- An operation asks for its facts at its beginning, then changes the host. Once it has ended, its
  `operation_meta.executed` says whether it ran anything there, also when that failed.
- With `state.check_for_changes` pyinfra evaluates every operation once before `state.is_executing`, and may ask a
  person in between; without it, nothing but this run comes between a look and the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from pyinfra import host, state
from pyinfra.api import Host
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.facts import FactBase
from pyinfra.context import ctx_host

from deploy.facts.script import COMMON, ScriptFact

T = TypeVar("T")

MARK = "@@skerry-fact "


class Together(FactBase[list[list[str]]]):
    """What the scripts that come on standard input say, in order."""

    def command(self) -> str:
        return "sh"

    def process(self, output: list[str]) -> list[list[str]]:
        return split(output)


def join(scripts: Iterable[str]) -> str:
    """One script that runs several, each in a shell of its own, what they share sent once."""
    parts = [f"printf '\\n%s\\n' '{MARK}'\n(\n{each.removeprefix(COMMON)}\n) < /dev/null" for each in scripts]
    return "\n".join([COMMON, *parts, "true"])


def split(output: Iterable[str]) -> list[list[str]]:
    """What each of the joined scripts printed, whatever its last line ended with."""
    said: list[list[str]] = []
    for line in output:
        if line == MARK:
            if said and said[-1][-1:] == [""]:
                said[-1].pop()  # the mark's own
            said.append([])
        elif said:
            said[-1].append(line)
    return said


class Unread(PyinfraError):
    """A host did not say what was asked of it."""


class Moment(NamedTuple):
    """When a host was read. Two readings of one moment would be the same, as far as this run knows."""

    asked: bool  # a person may have thought about it since the operations were first evaluated
    changes: int  # operations of this run that have run something on the host


def now() -> Moment:
    """The moment on the host at hand."""
    metas = [data.operation_meta for data in state.ops[ctx_host.get()].values()]
    changes = sum(meta.is_complete() and meta.executed for meta in metas)
    return Moment(state.is_executing and state.check_for_changes, changes)


class Snapshot(Generic[T]):
    """A fact of the host at hand, as it is when the calling operation begins.

    The first snapshot that is asked reads all of its host's in one remote execution. They hold until an operation
    has changed anything there; from then on each is read by itself, when it is asked and has not been since.
    """

    _of_host: ClassVar[WeakKeyDictionary[Host, list[Snapshot[Any]]]] = WeakKeyDictionary()

    def __init__(self, fact: type[ScriptFact[T]], **arguments: Any) -> None:
        self._fact, self._arguments = fact(), arguments
        self._moment: Moment | None = None
        self._value: T
        self._found: dict[bool, T] = {}
        self._siblings = self._of_host.setdefault(ctx_host.get(), [])
        self._siblings.append(self)

    def __call__(self) -> T:
        moment = now()
        if self._moment != moment:
            _read([self] if moment.changes else [each for each in self._siblings if each._moment != moment])
        self._found.setdefault(state.is_executing, self._value)
        return self._value

    def as_found(self) -> T:
        """As it was when the run first asked for it, before its own phase changed anything."""
        if state.is_executing not in self._found:
            self()
        return self._found[state.is_executing]


def _read(snapshots: Sequence[Snapshot[Any]]) -> None:
    """Read them in one remote execution. Raises Unread when the host does not answer.

    While a run executes, the error is the operation's (deploy.operations.operation): pyinfra would leave the host
    out, and the operation would go on with nothing.
    """
    moment = now()
    scripts = [str(each._fact.command(**each._arguments)) for each in snapshots]
    said = host.get_fact(Together, _stdin=join(scripts), _ignore_errors=state.is_executing)
    if said is None or len(said) != len(snapshots):
        raise Unread(f"{host.name}: its facts could not be read, see above; run it again to go on")
    for each, lines in zip(snapshots, said, strict=True):
        each._value, each._moment = each._fact.process(lines), moment
