"""Operations of our own: how a host changes where pyinfra has no operation for it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import wraps
from typing import Any, ParamSpec, TypeAlias

from pyinfra import state
from pyinfra.api import Host, State, StringCommand
from pyinfra.api import operation as pyinfra_operation
from pyinfra.api.command import FunctionCommand, PyinfraCommand
from pyinfra.api.operation import PyinfraOperation

from deploy.facts.snapshot import Unread

Commands: TypeAlias = Generator[PyinfraCommand, None, None]
"""What an operation yields, in order; nothing when the host is as wanted."""

P = ParamSpec("P")


def operation(commands: Callable[P, Commands]) -> PyinfraOperation[P]:
    """pyinfra's operation, which fails on a host that cannot be read any more; it alone then leaves the run.

    pyinfra itself takes an exception between two commands for the end of the run on every host.
    """

    @wraps(commands)
    def whole(*args: P.args, **kwargs: P.kwargs) -> Commands:
        try:
            yield from commands(*args, **kwargs)
        except Unread:
            if not state.is_executing:
                raise
            yield FunctionCommand(_fail, (), {})

    return pyinfra_operation()(whole)


def as_root(host: Host, command: str, **options: Any) -> tuple[bool, Any]:
    """Run a command between pyinfra's own: whether it went well, and what it said. `options` are pyinfra's."""
    return host.run_shell_command(StringCommand(command), _sudo=bool(host.data.get("_sudo")), **options)


def _fail(state: State, host: Host) -> bool:
    return False
