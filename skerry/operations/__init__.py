"""Operations of our own: how a host changes where pyinfra has no operation for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeAlias

from pyinfra import state
from pyinfra.api import Host, State, StringCommand
from pyinfra.api import operation as pyinfra_operation
from pyinfra.api.command import FunctionCommand, PyinfraCommand
from pyinfra.api.operation import PyinfraOperation

from skerry.facts.batch import Unread

Commands: TypeAlias = Generator[PyinfraCommand, None, None]
"""What an operation yields, in order; nothing when the host is as wanted."""

P = ParamSpec("P")


def operation(commands: Callable[P, Commands]) -> PyinfraOperation[P]:
    """pyinfra's operation, whose shell commands go to the host together.

    It fails on a host that cannot be read any more, which alone then leaves the run. pyinfra itself takes an exception
    between two commands for the end of the run on every host.
    """

    @wraps(commands)
    def whole(*args: P.args, **kwargs: P.kwargs) -> Commands:
        try:
            yield from together(commands(*args, **kwargs))
        except Unread:
            if not state.is_executing:
                raise
            yield FunctionCommand(_fail, (), {})

    return pyinfra_operation()(whole)


def together(commands: Iterable[PyinfraCommand]) -> Commands:
    """Shell commands that follow each other as one, which ends with the first that fails."""
    batch: list[StringCommand] = []
    for command in commands:
        if isinstance(command, StringCommand) and set(command.connector_arguments) <= {"_stdin"}:
            batch.append(command)
            continue
        yield from _joined(batch)
        batch = []
        yield command
    yield from _joined(batch)


def _joined(batch: list[StringCommand]) -> Commands:
    if len(batch) < 2:
        yield from batch
        return
    parts = [(each.get_raw_value(), str(each.connector_arguments.get("_stdin") or "")) for each in batch]
    yield StringCommand("sh", _stdin=join(parts))


def join(batch: Iterable[tuple[str, str]]) -> str:
    """A script that runs commands, each with its standard input. Nothing runs before all of it has arrived."""
    return "\n".join(["{", *[_part(command, stdin) for command, stdin in batch], "}", ""])


def _part(command: str, stdin: str) -> str:
    if not stdin:
        return f"(\n{command}\n) < /dev/null || exit"
    end = f"END-{hashlib.sha256(stdin.encode()).hexdigest()[:16]}"
    return f"(\n{command}\n) << '{end}' || exit\n{stdin.removesuffix(chr(10))}\n{end}"


def as_root(host: Host, command: str, **options: Any) -> tuple[bool, Any]:
    """Run a command between pyinfra's own: whether it went well, and what it said. `options` are pyinfra's."""
    return host.run_shell_command(StringCommand(command), _sudo=bool(host.data.get("_sudo")), **options)


def _fail(state: State, host: Host) -> bool:
    return False
