"""A run's report: a page and a picture beside its file."""

from __future__ import annotations

from pathlib import Path

from bench.run import Run
from controller import history


def write(run: Run) -> Path:
    return history.folder(run.inventory) / f"{run.title}.json"
