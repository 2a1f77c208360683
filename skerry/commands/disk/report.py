"""A run's report beside its file: a page for the browser, a picture for chats."""

from __future__ import annotations

import os
from pathlib import Path

from skerry.bench.page import page
from skerry.bench.picture import draw
from skerry.bench.run import Run
from skerry.commands.disk import history
from skerry.local.files import replace


def write(run: Run) -> Path:
    """Write both. Returns the page's path; the picture has the same name and ends in .png."""
    path = history.folder(run.inventory) / f"{run.title}.html"
    replace(path, page(run))
    picture = path.with_suffix(".png")
    temporary = picture.with_name(f".{os.getpid()}.{picture.name}")
    draw(run, temporary)
    temporary.replace(picture)
    return path
