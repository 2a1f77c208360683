"""Adapt Invoke's tasks and parser: one-line errors, Skerry's exit codes, and `--help` before or after a task."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import invoke
from invoke.parser import parser

from skerry.local.console import report
from skerry.local.exit_codes import BAD_INPUT, FAILED
from skerry.model.errors import InputError


class Task(invoke.Task[Any]):
    """A task that returns its exit code. Input errors exit 2, failures exit 1, each with one line per mistake."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            code = super().__call__(*args, **{name: self._number(name, kwargs[name]) for name in kwargs})
        except InputError as error:
            report(str(error))
            code = BAD_INPUT
        except RuntimeError as error:
            report(str(error))
            code = FAILED
        if code:
            sys.exit(code)

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[invoke.Argument]:
        """Accept numbers as strings, so that Skerry, not invoke, reports invalid ones."""
        arguments = super().get_arguments(ignore_unknown_help)
        for argument in arguments:
            if argument.kind in (int, float):
                argument.kind = str
        return arguments

    def _number(self, name: str, value: object) -> object:
        """Convert the value if the argument is a number. Raises InputError if that fails."""
        kind = type(self.argspec(self.body).parameters[name].default)
        if kind not in (int, float) or not isinstance(value, str):
            return value
        try:
            return kind(value)
        except ValueError:
            expected = "a whole number" if kind is int else "a number"
            raise InputError(f"--{name.replace('_', '-')} is {value!r}; write {expected}") from None


task = partial(invoke.task, klass=Task)


_handle = parser.ParseMachine.handle


def _handle_or_help(machine: Any, token: str) -> None:
    """Show help for `TASK --help`, and refuse unknown options. Invoke takes both for positional arguments."""
    machine.token = token
    if token in ("-h", "--help") and machine.context.name and token not in machine.context.flags:
        machine.initial.flags["--help"].value = machine.context.name
        machine.context.positional_args = []
        machine.flag = None
    elif _is_unknown_option(machine, token):
        machine.error("")
    else:
        _handle(machine, token)


def _is_unknown_option(machine: Any, token: str) -> bool:
    """Whether invoke would take the token for a positional argument although it looks like an option."""
    flags = (machine.context.flags, machine.context.inverse_flags, machine.initial.flags)
    known = any(token in names for names in flags)
    return bool(machine.context.name and token.startswith("--") and not known) and (
        not machine.waiting_for_flag_value
    )


def _explain(machine: Any, message: str) -> None:
    """Exit with what is wrong with the command line, in place of invoke's message and exit code 1."""
    task = machine.context.name if machine.context else None
    if task is None:
        raise invoke.Exit(f"there is no task {machine.token}; see `invoke --list`", BAD_INPUT)
    missing = machine.context.missing_positional_args
    if _is_unknown_option(machine, machine.token):
        problem = f"has no option {machine.token}"
    elif missing:
        names = " and ".join(argument.name for argument in missing)
        problem = f"{names} {'are' if len(missing) > 1 else 'is'} missing"
    elif machine.waiting_for_flag_value:
        problem = f"--{machine.flag.name.replace('_', '-')} needs a value"
    else:
        problem = f"{machine.token} is one argument too many, and no task"
    raise invoke.Exit(f"{task}: {problem}; see `invoke {task} --help`", BAD_INPUT)


# Monkeypatches, because invoke's parser creates its ParseMachine itself and has no hook for another one.
parser.ParseMachine.handle = _handle_or_help  # type: ignore[method-assign, assignment]
parser.ParseMachine.error = _explain  # type: ignore[method-assign, assignment]
