"""Building blocks of operations that pyinfra does not have: the decorator, refusals and commands as root."""

from __future__ import annotations

import hashlib
import shlex
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
"""The commands that an operation yields, in order; none if the host is as wanted."""

P = ParamSpec("P")


def operation(commands: Callable[P, Commands]) -> PyinfraOperation[P]:
    """Decorate as pyinfra's `operation` does, but send consecutive shell commands to the host as one.

    If the host's facts cannot be read, the operation fails on that host, which leaves the run. pyinfra itself would
    end the run on every host, because it takes an exception between two commands for a fault in the deploy.
    """

    @wraps(commands)
    def batched(*args: P.args, **kwargs: P.kwargs) -> Commands:
        try:
            yield from join_commands(commands(*args, **kwargs))
        except Unread:
            if not state.is_executing:
                raise
            yield FunctionCommand(_fail, (), {})

    return pyinfra_operation()(batched)


def join_commands(commands: Iterable[PyinfraCommand]) -> Commands:
    """Join consecutive shell commands into one that ends at the first failure. Other commands stay as they are."""
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
    pairs = [
        (command.get_raw_value(), str(command.connector_arguments.get("_stdin") or "")) for command in batch
    ]
    yield StringCommand("sh", _stdin=join_script(pairs))


def join_script(batch: Iterable[tuple[str, str]]) -> str:
    """Returns a script that runs (command, standard input) pairs. Its braces make the shell read all of it first."""
    return "\n".join(["{", *[_subshell(command, stdin) for command, stdin in batch], "}", ""])


def _subshell(command: str, stdin: str) -> str:
    if not stdin:
        return f"(\n{command}\n) < /dev/null || exit"
    end = f"END-{hashlib.sha256(stdin.encode()).hexdigest()[:16]}"
    return f"(\n{command}\n) << '{end}' || exit\n{stdin.removesuffix(chr(10))}\n{end}"


def refuse(reason: str) -> StringCommand:
    """Returns a command that fails the operation and prints `reason` on standard error."""
    return StringCommand(f"echo {shlex.quote(reason)} >&2; exit 1")


def run_as_root(host: Host, command: str, **options: Any) -> tuple[bool, Any]:
    """Run a command at once, from within a FunctionCommand. Returns whether the command succeeded, and its output.

    `options` are those of pyinfra's `run_shell_command`.
    """
    return host.run_shell_command(StringCommand(command), _sudo=bool(host.data.get("_sudo")), **options)


def _fail(state: State, host: Host) -> bool:
    return False
