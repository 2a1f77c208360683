"""Progress and problems on standard error, and questions at the terminal. Standard output is only for results."""

from __future__ import annotations

import sys

from skerry.model.errors import InputError


def log(text: str) -> None:
    """Print a line of progress, indented like those of a run: `  host: what`."""
    print(f"  {text}", file=sys.stderr, flush=True)


def report(text: str) -> None:
    """Print a problem or a notice: `host: what`."""
    print(text, file=sys.stderr, flush=True)


def confirm(question: str) -> bool:
    """Ask at the terminal. Returns True for "y" or "yes"; False for any other answer, or without a terminal."""
    if not sys.stdin.isatty():
        return False
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def require_confirmation(question: str, yes: bool, otherwise: str = "nothing was changed") -> None:
    """Ask unless `yes`. Raises InputError, which begins with `otherwise`, if the answer is not yes."""
    if not yes and not confirm(question):
        raise InputError(f"{otherwise}; confirm at a terminal, or say --yes")
