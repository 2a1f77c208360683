"""Files and scripts that go to hosts, and pages: package data, as read-only as code."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def text(name: str) -> str:
    """The text of a template by its path in this folder, such as "k3s/start.sh"."""
    return (Path(__file__).parent / name).read_text()
