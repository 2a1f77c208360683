"""The format in which every fact script prints what it read."""

from __future__ import annotations

import re
from collections.abc import Iterable


def sections(lines: Iterable[str]) -> dict[str, list[str]]:
    """Returns each section's lines, by name. A line "@name" opens a section; lines before the first one are dropped."""
    by_name: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        if re.fullmatch(r"@[a-z0-9_]+", line):
            current = by_name.setdefault(line[1:], [])
        else:
            current.append(line)
    return by_name
