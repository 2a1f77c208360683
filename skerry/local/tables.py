"""Tables for people that fit a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Collection

from rich.table import Table


def new_table(*headings: str, fold: Collection[str], title: str | None = None) -> Table:
    """Returns an empty table. Only the columns in `fold` wrap their cells where space is short."""
    table = Table(title=title)
    for heading in headings:
        if heading in fold:
            table.add_column(heading, overflow="fold", min_width=max(map(len, heading.split())))
        else:
            table.add_column(heading, no_wrap=True)
    return table
