"""A run as one picture for chats and tickets: verdicts above the charts that all hosts share."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from skerry.bench.charts import charts
from skerry.bench.run import Run
from skerry.bench.scene import HEIGHT, WIDTH, Shape, Text

SCALE = 2  # pixels of the picture for one of a chart's
SMOOTH = 2  # drawn so much larger still, because Pillow's lines have steps
MARGIN, ROW, MOST_CHARTS, MOST_HOSTS = 16, 20, 3, 20
COLOURS = {
    "back": "#ffffff", "text": "#1b1f24", "faint": "#59636e", "grid": "#e4e8ec", "axis": "#9aa4af", "limit": "#c2255c",
    "other": "#b6bec7", "c0": "#0b62b8", "c1": "#d9480f", "c2": "#2b8a3e", "c3": "#8b3fc7",
    "c4": "#b8860b", "c5": "#0d8f94",
    "PASS": "#1a7f37", "INCONCLUSIVE": "#8a5a00", "CPU-BOUND": "#8a5a00", "SUSPECT": "#c2255c", "FAIL": "#c2255c",
    "failed": "#c2255c",
}  # fmt: skip
ANCHOR = {"start": "ls", "middle": "ms", "end": "rs"}


def draw(run: Run, path: Path) -> None:
    """Write the picture, PNG."""
    drawings = [(each.shapes(), HEIGHT) for each in charts(run)[:MOST_CHARTS]]
    parts = [(_summary(run), MARGIN + ROW * (2 + min(len(run.hosts), MOST_HOSTS + 1))), *drawings]
    factor = SCALE * SMOOTH
    height = sum(part for _, part in parts) + MARGIN
    image = Image.new("RGB", (WIDTH * factor, height * factor), COLOURS["back"])
    pen, top = ImageDraw.Draw(image), 0
    for shapes, part in parts:
        for shape in shapes:
            _draw(pen, shape, top, factor)
        top += part
    image.resize((WIDTH * SCALE, height * SCALE), Image.Resampling.LANCZOS).save(path, optimize=True)


def _summary(run: Run) -> list[Shape]:
    shapes: list[Shape] = [
        Text(
            MARGIN,
            MARGIN + 8,
            f"Disks of {run.inventory}, {run.title}, profile {run.profile}",
            size=15,
            bold=True,
        )
    ]
    for number, each in enumerate(run.hosts[:MOST_HOSTS], 2):
        y = MARGIN + ROW * number - 8
        word = each.judgement.verdict.value if each.judgement else "failed"
        why = each.judgement.reason if each.judgement else each.error
        shapes += [
            Text(MARGIN, y, each.host),
            Text(130, y, word, role=word, bold=True),
            Text(250, y, _short(why), role="faint", size=11),
        ]
    if len(run.hosts) > MOST_HOSTS:
        shapes.append(
            Text(
                MARGIN,
                MARGIN + ROW * (MOST_HOSTS + 2) - 8,
                f"and {len(run.hosts) - MOST_HOSTS} more",
                role="faint",
            )
        )
    return shapes


def _short(text: str) -> str:
    return text if len(text) <= 82 else f"{text[:81]}…"


def _draw(pen: ImageDraw.ImageDraw, shape: Shape, top: int, factor: int) -> None:
    colour = COLOURS[shape.role]
    if isinstance(shape, Text):
        font = ImageFont.load_default(shape.size * factor)
        place = (shape.x * factor, (shape.y + top) * factor)
        if shape.role == "limit":  # a label that lines may cross
            pen.text(place, shape.text, COLOURS["back"], font, ANCHOR[shape.anchor], stroke_width=2 * factor)
        pen.text(
            place,
            shape.text,
            colour,
            font,
            ANCHOR[shape.anchor],
            stroke_width=factor / 8 if shape.bold else 0,
        )
        return
    points = [(x * factor, (y + top) * factor) for x, y in shape.points]
    width = round(shape.width * factor)
    if shape.dashed:
        for start, end in _dashes(points[0], points[1], 5 * factor):
            pen.line([start, end], colour, width)
    else:
        pen.line(points, colour, width, joint="curve")


def _dashes(
    start: tuple[float, float], end: tuple[float, float], length: float
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    (x0, y0), (x1, y1) = start, end
    count = max(int(max(abs(x1 - x0), abs(y1 - y0)) / length), 1)
    dx, dy = (x1 - x0) / count, (y1 - y0) / count
    return [((x0 + dx * n, y0 + dy * n), (x0 + dx * (n + 1), y0 + dy * (n + 1))) for n in range(0, count, 2)]
