"""The table of `invoke status`, fitted to the width of the terminal."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from skerry.commands.cluster.host_status import FINE, LOOK, HostStatus

COLUMNS = {
    "cluster": "cluster", "host": "host", "role": "role", "state": "state", "k3s": "k3s", "etcd": "etcd",
    "fsync": "WAL fsync", "room": "for pods", "certificates": "certificates", "snapshot": "snapshot", "disk": "disk",
    "reboot": "reboot", "drift": "drift",
}  # fmt: skip
OMITTED_FIRST = ("room", "certificates", "disk", "fsync", "snapshot", "k3s", "drift", "reboot", "etcd")
STATE_WIDTH = 50
"""Characters: a longer state is folded before a column is omitted."""

UNBOUNDED = 1000
"""Characters: the width where standard output is no terminal."""


def table(statuses: list[HostStatus], width: int = UNBOUNDED) -> Table:
    """Show the statuses in `width` characters. Columns that do not fit are omitted, and the caption names them.

    Empty columns are omitted, too, and the column of the cluster if there is only one cluster.
    """
    rows = [{name: str(getattr(status, name)) for name in COLUMNS} for status in statuses]
    several = len({status.cluster for status in statuses}) > 1
    shown = [name for name in COLUMNS if any(row[name] for row in rows) and (name != "cluster" or several)]
    omitted = _omitted(shown, rows, width)
    caption = (
        f"left out in {width} columns: {', '.join(COLUMNS[name] for name in omitted)}" if omitted else None
    )
    table = Table(caption=caption)
    shown = [name for name in shown if name not in omitted]
    for name in shown:
        table.add_column(COLUMNS[name], no_wrap=name != "state", overflow="fold")
    for status, row in zip(statuses, rows, strict=True):
        colour = {FINE: "green", LOOK: "yellow"}.get(status.severity, "red")
        cells = {name: escape(text) for name, text in row.items()}
        cells["state"] = f"[{colour}]{cells['state']}[/]"
        table.add_row(*(cells[name] for name in shown))
    return table


def _omitted(shown: list[str], rows: list[dict[str, str]], width: int) -> list[str]:
    """Choose columns to omit, in OMITTED_FIRST's order, until the others fit."""
    widths = {
        name: max(len(text) for text in (COLUMNS[name], *(row[name] for row in rows))) for name in shown
    }
    widths["state"] = min(widths["state"], STATE_WIDTH)
    omitted: list[str] = []
    for name in OMITTED_FIRST:
        # Each column adds two blanks and a border; one border closes the table.
        if name in widths and sum(widths.values()) + 3 * len(widths) + 1 > width:
            del widths[name]
            omitted.append(name)
    return omitted
