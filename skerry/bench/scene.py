"""Charts as shapes in pixels, the same for the page (SVG) and the picture (PNG). Colours are roles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 94, 46  # around the plot
LEGEND_ROW = 18
COLOURS = 6  # lines that get one of their own; "other" is for the rest


@dataclass(frozen=True)
class Line:
    """Points in pixels. `role`: "c0" to "c5", "other", "grid", "axis" or "limit"."""

    points: tuple[tuple[float, float], ...]
    role: str
    width: float = 1.0
    dashed: bool = False


@dataclass(frozen=True)
class Text:
    """`anchor`: what of the text is at x: "start", "middle" or "end". `role`: "text", "faint", "limit" or a line's."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    role: str = "text"
    size: int = 12
    bold: bool = False


Shape = Line | Text


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, with labelled ticks."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    title: str
    log: bool = True

    def place(self, value: float) -> float:
        """0 at `low`, 1 at `high`."""
        value = min(max(value, self.low), self.high)
        if not self.log:
            return (value - self.low) / (self.high - self.low)
        return math.log(value / self.low) / math.log(self.high / self.low)


@dataclass(frozen=True)
class Curve:
    """A named line in the axes' units."""

    name: str
    points: Sequence[tuple[float, float]]
    role: str = ""


@dataclass(frozen=True)
class Chart:
    """Curves with limits: each is ("x" or "y", value, label)."""

    title: str
    x: Axis
    y: Axis
    curves: Sequence[Curve]
    limits: Sequence[tuple[str, float, str]] = ()
    marks: Sequence[tuple[float, str]] = field(default=())  # labels along the top, where something begins

    def shapes(self) -> list[Shape]:
        """The whole chart, in the order it is drawn."""
        shapes: list[Shape] = [Text(LEFT, 20, self.title, size=14, bold=True)]
        shapes += self._legend()
        shapes += self._grid()
        for number, curve in enumerate(self.curves):
            role = curve.role or (f"c{number}" if number < COLOURS else "other")
            if curve.points:
                points = tuple((self._x(x), self._y(y)) for x, y in curve.points)
                shapes.append(Line(points, role, 2.0 if role != "other" else 1.0))
        return shapes + self._limits()

    def _x(self, value: float) -> float:
        return LEFT + self.x.place(value) * (WIDTH - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        return HEIGHT - BOTTOM - self.y.place(value) * (HEIGHT - TOP - BOTTOM)

    def _legend(self) -> list[Shape]:
        """Names beside a stroke of their colour, in up to two rows."""
        shapes: list[Shape] = []
        x, y = float(LEFT), 42.0
        named = self.curves[:COLOURS]
        entries = [(curve.name, curve.role or f"c{number}") for number, curve in enumerate(named)]
        if len(self.curves) > COLOURS:
            entries.append((f"{len(self.curves) - COLOURS} others", "other"))
        for name, role in entries:
            wide = 30 + 6.8 * len(name)
            if x + wide > WIDTH - RIGHT and x > LEFT:
                x, y = float(LEFT), y + LEGEND_ROW
            shapes += [Line(((x, y - 4), (x + 18, y - 4)), role, 3), Text(x + 24, y, name)]
            x += wide + 12
        return shapes

    def _grid(self) -> list[Shape]:
        shapes: list[Shape] = []
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        for value, label in self.x.ticks:
            at = self._x(value)
            shapes += [
                Line(((at, TOP), (at, bottom)), "grid"),
                Text(at, bottom + 16, label, "middle", "faint"),
            ]
        for value, label in self.y.ticks:
            at = self._y(value)
            shapes += [Line(((LEFT, at), (right, at)), "grid"), Text(LEFT - 8, at + 4, label, "end", "faint")]
        for number, (value, label) in enumerate(self.marks):
            at, y = (
                self._x(value),
                TOP + 12 + 14 * (number % 2),
            )  # in two rows: a short one would run into the next
            shapes += [Line(((at, TOP), (at, bottom)), "axis"), Text(at + 4, y, label, "start", "faint", 11)]
        shapes.append(Line(((LEFT, TOP), (LEFT, bottom), (right, bottom)), "axis"))
        shapes.append(Text((LEFT + right) / 2, HEIGHT - 8, self.x.title, "middle", "faint"))
        return [*shapes, Text(LEFT, TOP - 8, self.y.title, "start", "faint", 11)]

    def _limits(self) -> list[Shape]:
        shapes: list[Shape] = []
        for axis, value, label in self.limits:
            if axis == "x":
                at = self._x(value)
                line = Line(((at, TOP), (at, HEIGHT - BOTTOM)), "limit", 1.5, dashed=True)
                shapes += [line, Text(at + 5, TOP + 12, label, "start", "limit", 11)]
            else:
                at = self._y(value)
                line = Line(((LEFT, at), (WIDTH - RIGHT, at)), "limit", 1.5, dashed=True)
                shapes += [line, Text(LEFT + 6, at - 5, label, "start", "limit", 11)]
        return shapes
