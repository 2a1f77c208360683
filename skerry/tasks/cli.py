"""Skerry's tasks end plainly: a user's mistake in one line and exit code 2, a failure in one line and 1."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import Any

import invoke

from skerry.model.errors import InputError


class Task(invoke.Task[Any]):
    """A task that ends plainly, also where invoke itself would not: on a number that is none, and on --help."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if "--help" in kwargs.values():  # invoke takes it for the argument that is missing
            sys.exit(subprocess.call([sys.executable, "-m", "invoke", "--help", self.name]))
        try:
            read = {name: self._read(name, value) for name, value in kwargs.items()}
            return super().__call__(*args, **read)
        except InputError as error:
            print(error, file=sys.stderr)
            sys.exit(2)
        except RuntimeError as error:
            print(error, file=sys.stderr)
            sys.exit(1)

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[invoke.Argument]:
        """Numbers are words until they are read."""
        arguments = super().get_arguments(ignore_unknown_help)
        for argument in arguments:
            if argument.kind in (int, float):
                argument.kind = str
        return arguments

    def _read(self, name: str, value: object) -> object:
        kind = type(self.argspec(self.body).parameters[name].default)
        if kind not in (int, float) or not isinstance(value, str):
            return value
        try:
            return kind(value)
        except ValueError:
            wanted = "a whole number" if kind is int else "a number"
            raise InputError(f"--{name} is {value!r}; write {wanted}") from None


task = partial(invoke.task, klass=Task)
