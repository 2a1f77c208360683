"""Lines for people on standard error; standard output holds a task's result alone."""

from __future__ import annotations

import sys


def log(text: str) -> None:
    """Print a line of progress, indented like those of a run: `  host: what`."""
    print(f"  {text}", file=sys.stderr, flush=True)


def report(text: str) -> None:
    """Print a problem or a notice: `host: what`."""
    print(text, file=sys.stderr, flush=True)
