"""Facts of a host, read together in one remote execution and cached until an operation changes that host.

This module depends on how pyinfra works inside. tests/unit/facts/test_batch.py runs the installed pyinfra through it,
and fails if a release works in another way:

- `host.get_fact` runs its command each time. pyinfra caches nothing, so the cache is here.
- `_stdin` of a fact goes to the remote shell: the script is in no argv, whose length is limited.
- An operation reads its facts at its beginning, then changes the host. After its end, `operation_meta.executed` says
  whether the operation ran any command there, even one that failed.
- With `state.check_for_changes`, pyinfra evaluates every operation once before `state.is_executing`, and may prompt
  the user in between. Without it, nothing but this run happens between reading a fact and changing the host.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from pyinfra import host, inventory, state
from pyinfra.api import Host
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.facts import FactBase
from pyinfra.context import ctx_host

from skerry.facts.script import COMMON, ScriptFact

T_co = TypeVar("T_co", covariant=True)

SEPARATOR = "@@skerry-fact "


class FactBatch(FactBase[list[list[str]]]):
    """The output of each script that `join_scripts` has joined. The joined script comes on standard input."""

    def command(self) -> str:
        return "sh"

    def process(self, output: list[str]) -> list[list[str]]:
        return split_output(output)


def join_scripts(scripts: Iterable[str]) -> str:
    """Returns one script that runs all `scripts` in parallel, each in a subshell, with their common part sent once.

    The scripts run as one pipeline, the first as its last stage. Each stage prints its script's output, then copies
    what the stage before it prints, so that the outputs keep the order of `scripts`.
    """
    stages = [
        f"{{\n(\nprintf '\\n%s\\n' '{SEPARATOR}'\n{script.removeprefix(COMMON)}\n) < /dev/null\ncat\n}}"
        for script in scripts
    ]
    return "\n".join([COMMON, "cat < /dev/null |", " |\n".join(reversed(stages)), "true"])


def split_output(output: Iterable[str]) -> list[list[str]]:
    """Returns the output lines of each joined script, whether or not the last line ended with a newline."""
    outputs: list[list[str]] = []
    for line in output:
        if line == SEPARATOR:
            # The separator begins with a newline of its own.
            if outputs and outputs[-1][-1:] == [""]:
                outputs[-1].pop()
            outputs.append([])
        elif outputs:
            outputs[-1].append(line)
    return outputs


class FactResult(NamedTuple):
    """A script's output, and this machine's clock before and after it ran, in seconds since 1970."""

    lines: list[str]
    begun: float
    ended: float


class FactQuery(NamedTuple):
    """A fact with its arguments."""

    fact: type[ScriptFact[Any]]
    arguments: dict[str, Any]

    @property
    def script(self) -> str:
        return str(self.fact().command(**self.arguments))


class Unread(PyinfraError):
    """Raised if a host's facts could not be read."""


class StateVersion(NamedTuple):
    """Cache key of a fact: whether a prompt may have come since, and how many operations have changed the host."""

    prompted: bool
    changes: int


def current_version() -> StateVersion:
    """Returns the state version of the current host."""
    metas = [data.operation_meta for data in state.ops[ctx_host.get()].values()]
    changes = sum(meta.is_complete() and meta.executed for meta in metas)
    return StateVersion(state.is_executing and state.check_for_changes, changes)


class BatchedFact(Generic[T_co]):
    """A fact of the host that is pyinfra's current host when this object is made.

    The first use of any fact reads all facts of its host in one remote execution. They are cached until an operation
    has changed the host; after that, each fact is read again by itself, when it is used.
    """

    _of_host: ClassVar[WeakKeyDictionary[Host, list[BatchedFact[Any]]]] = WeakKeyDictionary()

    def __init__(self, fact: type[ScriptFact[T_co]], **arguments: Any) -> None:
        self._query = FactQuery(fact, arguments)
        self._host_name = host.name
        self._version: StateVersion | None = None
        self._value: T_co
        self._first: dict[bool, T_co] = {}
        self._siblings = self._of_host.setdefault(ctx_host.get(), [])
        self._siblings.append(self)

    def current(self) -> T_co:
        """Returns the fact as it is when the calling operation begins, after the changes of all earlier operations."""
        with ctx_host.use(inventory.get_host(self._host_name)):
            version = current_version()
            if self._version != version:
                outdated = [sibling for sibling in self._siblings if sibling._version != version]
                self._read([self] if version.changes else outdated)
            self._first.setdefault(state.is_executing, self._value)
            return self._value

    def at_start(self) -> T_co:
        """Returns the fact as first read in this stage, preparation or execution: before its own phase's changes."""
        if state.is_executing not in self._first:
            self.current()
        return self._first[state.is_executing]

    @staticmethod
    def _read(facts: Sequence[BatchedFact[Any]]) -> None:
        version, results = current_version(), read([fact._query for fact in facts])
        for fact, result in zip(facts, results, strict=True):
            fact._value, fact._version = fact._query.fact().process(result.lines), version


# Per host: a function that waits for the prefetch and returns the results by script.
_prefetched: WeakKeyDictionary[Host, Callable[[], Mapping[str, FactResult]]] = WeakKeyDictionary()
# Per host: what was read before anything changed on that host.
_queries: WeakKeyDictionary[Host, list[FactQuery]] = WeakKeyDictionary()


def use_prefetched(results: Callable[[], Mapping[str, FactResult]]) -> None:
    """Serve the current host's facts from `results()`, which is by script, until an operation changes the host."""
    _prefetched[ctx_host.get()] = results


def queries_before_changes() -> list[FactQuery]:
    """Returns what has been read from the current host before anything changed on it."""
    return _queries.get(ctx_host.get(), [])


def read(queries: Sequence[FactQuery]) -> list[FactResult]:
    """Read facts of the current host in one remote execution, or in none if all are prefetched. Raises Unread.

    While operations execute, skerry.operations.operation handles Unread. pyinfra's own error handling would take the
    host out of the run and let the operation continue without the fact.
    """
    results: Mapping[str, FactResult] = {}
    if current_version() == StateVersion(prompted=False, changes=0):
        current_host = ctx_host.get()
        _queries.setdefault(current_host, []).extend(queries)
        results = _prefetched[current_host]() if current_host in _prefetched else {}
    scripts = [query.script for query in queries]
    if missing := [script for script in dict.fromkeys(scripts) if script not in results]:
        results = {**results, **_run(missing)}
    return [results[script] for script in scripts]


def _run(scripts: Sequence[str]) -> dict[str, FactResult]:
    begun = time.time()
    outputs = host.get_fact(FactBatch, _stdin=join_scripts(scripts), _ignore_errors=state.is_executing)
    if outputs is None or len(outputs) != len(scripts):
        raise Unread(f"{host.name}: its facts could not be read, see above; run it again to go on")
    return results_by_script(scripts, outputs, begun)


def results_by_script(
    scripts: Sequence[str], outputs: Sequence[list[str]], begun: float
) -> dict[str, FactResult]:
    """Returns the results of joined scripts that have just ended, by script."""
    ended = time.time()
    return {script: FactResult(lines, begun, ended) for script, lines in zip(scripts, outputs, strict=True)}
