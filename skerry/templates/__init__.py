"""Files and scripts that go to hosts, and pages for people: package data, as read-only as code."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


@cache
def text(name: str) -> str:
    """The text of a template by its path in this folder, such as "k3s/start.sh"."""
    return (FOLDER / name).read_text()


def page(name: str, **values: Any) -> str:
    """The HTML page of a template in pages/, with every value escaped."""
    # Imported here: only a page needs it, not the files for hosts.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        autoescape=True, loader=FileSystemLoader(FOLDER / "pages"), undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(name).render(values)
