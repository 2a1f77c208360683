"""Draw a chart with matplotlib, in the light colours of the pages' stylesheet.

matplotlib takes half a second to import, so only functions import it.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING, Any

from skerry import templates
from skerry.bench.charts import FASTEST_MS, SLOWEST_MS, Chart, ShareChart, TimeChart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

COLOURS = 6  # curves with a colour of their own; the others are grey
TICKS_MS = (0.1, 0.3, 1, 3, 10, 25, 100, 300, 1000)
SHARES = {1: "100 %", 0.1: "10 %", 0.01: "1 %", 0.001: "0.1 %", 0.0001: "0.01 %"}
LIMIT_LINE: dict[str, Any] = {"linestyle": "--", "linewidth": 1.5}


@cache
def palette() -> dict[str, str]:
    """The light colours of pages/style.css by their names there: {"c0": "#0b62b8", …}."""
    light, _, _ = templates.text("pages/style.css").partition("@media")
    return dict(re.findall(r"--([a-z0-9]+): (#[0-9a-f]{6});", light))


def style() -> AbstractContextManager[None]:
    """matplotlib's settings for a drawing that is the same each time and takes every name as plain text."""
    import matplotlib

    colours = palette()
    return matplotlib.rc_context(
        {
            "svg.fonttype": "none", "svg.hashsalt": "skerry", "text.parse_math": False, "font.size": 13,
            "text.color": colours["text"], "axes.labelcolor": colours["faint"],
            "xtick.color": colours["faint"], "xtick.major.size": 0,
            "ytick.color": colours["faint"], "ytick.major.size": 0,
            "axes.facecolor": "none", "axes.edgecolor": colours["axis"],
            "axes.spines.top": False, "axes.spines.right": False,
            "axes.grid": True, "grid.color": colours["line"], "axes.axisbelow": True,
            "axes.titlelocation": "left", "axes.titlesize": 12, "axes.titlecolor": colours["faint"],
        }
    )  # fmt: skip


def draw(figure: Figure | SubFigure, chart: Chart) -> None:
    """Draw a chart with its title and legend. Points beyond an axis are drawn at its end."""
    axes, colours = figure.subplots(), palette()
    if isinstance(chart, ShareChart):
        _share_axes(axes, chart)
    else:
        _time_axes(axes, chart)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    lines = []
    for number, curve in enumerate(chart.curves):
        own = number < COLOURS
        lines += axes.plot(
            [min(max(x, left), right) for x, _ in curve.points],
            [min(max(y, bottom), top) for _, y in curve.points],
            color=colours[f"c{number}" if own else "other"], linewidth=2 if own else 1,
            zorder=3 if own else 2.5, clip_on=False,
        )  # fmt: skip
    names = [shorten(curve.name, 24) for curve in chart.curves[:COLOURS]]
    if len(lines) > COLOURS:
        names.append(f"{len(lines) - COLOURS} others")
    figure.legend(
        lines[: COLOURS + 1], names, loc="outside upper left", ncols=3 if max(map(len, names)) > 12 else 4,
        frameon=False, alignment="left", columnspacing=1.5, title=shorten(chart.title, 70),
        title_fontproperties={"size": 15, "weight": "bold"},
    )  # fmt: skip


def _share_axes(axes: Axes, chart: ShareChart) -> None:
    limit, share = chart.criterion.limit_ms, chart.criterion.share
    axes.set(xscale="log", yscale="log", xlim=(FASTEST_MS, SLOWEST_MS), ylim=(min(SHARES), 1))
    axes.set(xlabel="milliseconds (a curve must pass left of the crossing)", title="share slower than x")
    axes.set_xticks(TICKS_MS, [f"{tick:g}" for tick in TICKS_MS])
    axes.set_xticks([], minor=True)
    axes.set_yticks(list(SHARES), list(SHARES.values()))
    axes.set_yticks([], minor=True)
    axes.axvline(limit, **LIMIT_LINE, color=palette()["limit"])
    axes.axhline(share, **LIMIT_LINE, color=palette()["limit"])
    _label(axes, f"{limit} ms", (limit, 1), (0, 4), color="limit", ha="center")
    _label(axes, f"p{100 * (1 - share):g}", (SLOWEST_MS, share), (4, 0), color="limit", va="center")


def _time_axes(axes: Axes, chart: TimeChart) -> None:
    limit = chart.criterion.limit_ms
    axes.set(yscale="log", xlim=(0, chart.longest), ylim=(FASTEST_MS, SLOWEST_MS))
    axes.set(xlabel=chart.unit, title="p99 of each second, milliseconds")
    axes.set_yticks(TICKS_MS[::2], [f"{tick:g}" for tick in TICKS_MS[::2]])
    axes.set_yticks([], minor=True)
    axes.axhline(limit, **LIMIT_LINE, color=palette()["limit"])
    _label(axes, f"{limit} ms", (chart.longest, limit), (4, 0), color="limit", va="center")
    for number, (begin, phase) in enumerate(chart.phases):
        axes.axvline(begin, color=palette()["axis"], linewidth=1)
        # In two rows, because the name of a short phase is wider than the phase.
        _label(axes, shorten(phase, 24), (begin, FASTEST_MS), (6, 6 + 18 * (number % 2)), color="faint")


def _label(
    axes: Axes, text: str, point: tuple[float, float], offset: tuple[float, float], color: str, **options: Any
) -> None:
    """Write text at an offset from a point, on a background, because curves may cross the text."""
    ground = {"facecolor": palette()["back"], "edgecolor": "none", "pad": 1}
    axes.annotate(
        text, point, offset, textcoords="offset points", fontsize=12, color=palette()[color], bbox=ground, zorder=4,
        **options,
    )  # fmt: skip


def shorten(text: str, length: int) -> str:
    """Cut the text to `length` characters, and blank out unprintable ones, because names come from hosts."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable if len(printable) <= length else f"{printable[: length - 1]}…"
