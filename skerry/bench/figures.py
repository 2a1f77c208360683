"""Render charts as inline SVG for the page, and as one PNG for chats and tickets.

matplotlib takes half a second to import, so only functions import it.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skerry.bench.charts import Chart, charts
from skerry.bench.plot import draw, palette, shorten, style
from skerry.bench.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

WIDTH, HEIGHT = 720, 400  # of a chart, in points
ROW, MARGIN = 22, 18  # of the verdicts above the picture's charts, in points
SHARPNESS = 2  # pixels per point of the picture
MOST_HOSTS = 20  # in the picture
VERDICT_COLOURS = {"PASS": "pass", "INCONCLUSIVE": "warn", "CPU-BOUND": "warn"}
SVG = "http://www.w3.org/2000/svg"


def svg(chart: Chart) -> str:
    """Render a chart as an `<svg>` element in the colours of the page around it, light or dark."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure((WIDTH / 72, HEIGHT / 72), layout="constrained")
        draw(figure, chart)
        document = io.StringIO()
        figure.savefig(document, format="svg", transparent=True, metadata={"Date": None})
    return _element(document.getvalue(), chart.title)


def _element(document: str, title: str) -> str:
    """Convert matplotlib's document to an element with CSS variables for colours, without ids, fonts and style rules.

    Only attributes are changed, never text, so that no name can become markup.
    """
    variables = {colour: f"var(--{name})" for name, colour in palette().items()}
    root = ElementTree.fromstring(document)  # noqa: S314  matplotlib's own output
    for child in [child for child in root if child.tag != f"{{{SVG}}}g"]:
        root.remove(child)
    for element in root.iter():
        for attribute in ("id", "clip-path"):
            element.attrib.pop(attribute, None)
        rules = re.sub(r"font-family: [^;]*;?", "", element.get("style", ""))
        element.set("style", re.sub(r"#[0-9a-f]{6}", lambda colour: variables[colour[0]], rules))
    root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-label": shorten(title, 200)}
    ElementTree.register_namespace("", SVG)
    return ElementTree.tostring(root, encoding="unicode")


def picture(run: Run, path: Path) -> None:
    """Write a PNG: the hosts' verdicts above the charts that all hosts share."""
    from matplotlib.figure import Figure

    shown = charts(run)
    heights = [2 * MARGIN + ROW * min(len(run.hosts) + 1, MOST_HOSTS + 2), *(HEIGHT for _ in shown)]
    with style():
        figure = Figure((WIDTH / 72, sum(heights) / 72), facecolor=palette()["back"], layout="constrained")
        top, *below = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        _write_verdicts(top, run, heights[0])
        for part, chart in zip(below, shown, strict=True):
            draw(part, chart)
        figure.savefig(path, format="png", dpi=72 * SHARPNESS, metadata={"Software": None})


def _write_verdicts(figure: SubFigure, run: Run, height: float) -> None:
    def write(x: float, row: int, text: str, color: str = "text", **options: Any) -> None:
        y = 1 - (MARGIN + ROW * (row + 0.5)) / height
        figure.text(x / WIDTH, y, text, color=palette()[color], va="center", **options)

    heading = f"Disks of {run.inventory}, {run.time}, profile {run.profile}"
    write(MARGIN, 0, heading, fontsize=15, fontweight="bold")
    for row, host in enumerate(run.hosts[:MOST_HOSTS], 1):
        verdict = host.judgement.verdict.value if host.judgement else "failed"
        reason = host.judgement.reason if host.judgement else host.error
        write(MARGIN, row, shorten(host.host, 18))
        write(150, row, verdict, VERDICT_COLOURS.get(verdict, "fail"), fontweight="bold")
        write(280, row, shorten(reason, 72), "faint", fontsize=11)
    if len(run.hosts) > MOST_HOSTS:
        write(MARGIN, MOST_HOSTS + 1, f"and {len(run.hosts) - MOST_HOSTS} more", "faint")
