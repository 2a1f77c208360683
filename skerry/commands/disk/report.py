"""A run's report beside its file: a page for the browser, a picture for chats."""

from __future__ import annotations

import os
from pathlib import Path

from skerry.bench.figures import picture
from skerry.bench.page import page
from skerry.bench.run import Run
from skerry.commands.disk import history
from skerry.local.files import replace


def write(run: Run) -> Path:
    """Write both. Returns the page's path; the picture has the same name and ends in .png."""
    path = history.folder(run.inventory) / f"{run.title}.html"
    replace(path, page(run))
    image = path.with_suffix(".png")
    temporary = image.with_name(f".{os.getpid()}.{image.name}")
    picture(run, temporary)
    temporary.replace(image)
    return path
