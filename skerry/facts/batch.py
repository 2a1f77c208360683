"""What operations decide from: a host's facts, read together and kept until something changes on that host.

This is the one place where what Skerry does to a host leans on how pyinfra works inside (skerry/runner/economy.py is
about speed alone). tests/unit/facts/test_batch.py drives the installed pyinfra through it, and fails when a release
works another way:

- `host.get_fact` runs its command each time it is asked. pyinfra keeps nothing, so what is kept is kept here.
- `_stdin` of a fact goes to the remote shell: the script stands in no argv and is bound by no limit of one.
- An operation asks for its facts at its beginning, then changes the host. Once it has ended, its
  `operation_meta.executed` says whether it ran anything there, also when that failed.
- With `state.check_for_changes` pyinfra evaluates every operation once before `state.is_executing`, and may ask a
  person in between; without it, nothing but this run comes between a look and the change.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from pyinfra import host, state
from pyinfra.api import Host
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.facts import FactBase
from pyinfra.context import ctx_host

from skerry.facts.script import COMMON, ScriptFact

T = TypeVar("T")

MARK = "@@skerry-fact "


class FactBatch(FactBase[list[list[str]]]):
    """What the scripts that come on standard input say, in order."""

    def command(self) -> str:
        return "sh"

    def process(self, output: list[str]) -> list[list[str]]:
        return split(output)


def join(scripts: Iterable[str]) -> str:
    """One script that runs several side by side, each in a shell of its own, what they share sent once.

    They are the stages of a pipeline: each says its own, then hands on what those after it in order have said.
    """
    stages = [
        f"{{\n(\nprintf '\\n%s\\n' '{MARK}'\n{each.removeprefix(COMMON)}\n) < /dev/null\ncat\n}}"
        for each in scripts
    ]
    return "\n".join([COMMON, "cat < /dev/null |", " |\n".join(reversed(stages)), "true"])


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


class FactResult(NamedTuple):
    """What a script said, and this machine's clock before it began and after it ended, in seconds since 1970."""

    lines: list[str]
    begun: float
    ended: float


class FactQuery(NamedTuple):
    """A fact and the arguments it was asked with."""

    fact: type[ScriptFact[Any]]
    arguments: dict[str, Any]

    @property
    def script(self) -> str:
        return str(self.fact().command(**self.arguments))


class Unread(PyinfraError):
    """A host did not say what was asked of it."""


class StateVersion(NamedTuple):
    """When a host was read. Two readings of one moment would be the same, as far as this run knows."""

    asked: bool  # a person may have thought about it since the operations were first evaluated
    changes: int  # operations of this run that have run something on the host


def now() -> StateVersion:
    """The moment on the host at hand."""
    metas = [data.operation_meta for data in state.ops[ctx_host.get()].values()]
    changes = sum(meta.is_complete() and meta.executed for meta in metas)
    return StateVersion(state.is_executing and state.check_for_changes, changes)


class BatchedFact(Generic[T]):
    """A fact of the host at hand, as it is when the calling operation begins.

    The first snapshot that is asked reads all of its host's in one remote execution. They hold until an operation
    has changed anything there; from then on each is read by itself, when it is asked and has not been since.
    """

    _of_host: ClassVar[WeakKeyDictionary[Host, list[BatchedFact[Any]]]] = WeakKeyDictionary()

    def __init__(self, fact: type[ScriptFact[T]], **arguments: Any) -> None:
        self._question = FactQuery(fact, arguments)
        self._moment: StateVersion | None = None
        self._value: T
        self._found: dict[bool, T] = {}
        self._siblings = self._of_host.setdefault(ctx_host.get(), [])
        self._siblings.append(self)

    def current(self) -> T:
        moment = now()
        if self._moment != moment:
            self._read(
                [self] if moment.changes else [each for each in self._siblings if each._moment != moment]
            )
        self._found.setdefault(state.is_executing, self._value)
        return self._value

    def at_start(self) -> T:
        """As it was when the run first asked for it, before its own phase changed anything."""
        if state.is_executing not in self._found:
            self.current()
        return self._found[state.is_executing]

    @staticmethod
    def _read(snapshots: Sequence[BatchedFact[Any]]) -> None:
        moment, readings = now(), read([each._question for each in snapshots])
        for each, reading in zip(snapshots, readings, strict=True):
            each._value, each._moment = each._question.fact().process(reading.lines), moment


# By host: what has been read of it ahead of anybody's asking, by script. Waits for it where it is under way.
_ahead: WeakKeyDictionary[Host, Callable[[], Mapping[str, FactResult]]] = WeakKeyDictionary()
# By host: what was asked of it before anything changed there.
_asked: WeakKeyDictionary[Host, list[FactQuery]] = WeakKeyDictionary()


def expect(readings: Callable[[], Mapping[str, FactResult]]) -> None:
    """Have what is asked of the host at hand answered by these where the script is the same, until it is changed."""
    _ahead[ctx_host.get()] = readings


def asked() -> list[FactQuery]:
    """What has been asked of the host at hand before anything changed there."""
    return _asked.get(ctx_host.get(), [])


def read(questions: Sequence[FactQuery]) -> list[FactResult]:
    """What the host at hand answers, in one remote execution, or none. Raises Unread when it does not.

    While a run executes, the error is the operation's (deploy.operations.operation): pyinfra would leave the host
    out, and the operation would go on with nothing.
    """
    readings: Mapping[str, FactResult] = {}
    if now() == StateVersion(asked=False, changes=0):
        mine = ctx_host.get()
        _asked.setdefault(mine, []).extend(questions)
        readings = _ahead[mine]() if mine in _ahead else {}
    scripts = [each.script for each in questions]
    if missing := [each for each in dict.fromkeys(scripts) if each not in readings]:
        readings = {**readings, **_ask(missing)}
    return [readings[each] for each in scripts]


def _ask(scripts: Sequence[str]) -> dict[str, FactResult]:
    begun = time.time()
    said = host.get_fact(FactBatch, _stdin=join(scripts), _ignore_errors=state.is_executing)
    if said is None or len(said) != len(scripts):
        raise Unread(f"{host.name}: its facts could not be read, see above; run it again to go on")
    return answers(scripts, said, begun)


def answers(scripts: Sequence[str], said: Sequence[list[str]], begun: float) -> dict[str, FactResult]:
    """What the joined scripts have said just now, by script."""
    ended = time.time()
    return {script: FactResult(lines, begun, ended) for script, lines in zip(scripts, said, strict=True)}
