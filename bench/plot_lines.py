"""Line charts as one SVG: panels in a grid, a legend for all of them, both axes logarithmic.

    text = chart("Title", "where it was measured", [[Panel(...), Panel(...)], [Panel(...)]], {"a line": Style("red")})

Nothing but text is made, so that a benchmark needs no plotting package. Each mark tells its figures to a mouse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import NamedTuple

WIDTH, HEIGHT = 520, 300
LEFT, RIGHT, TOP, BOTTOM = 66, 26, 34, 46
HEAD, LEGEND_LINE, LEGEND_COLUMNS = 56, 20, 5
FONT = "font-family='system-ui, sans-serif'"


class Style(NamedTuple):
    """How a line is drawn."""

    colour: str
    dashes: str = ""
    square: bool = False


@dataclass(frozen=True)
class Panel:
    """One chart: named lines of points (x, y), all above zero."""

    title: str
    x_name: str
    lines: dict[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class Scale:
    """Numbers to places along an axis, by their logarithm."""

    least: float
    most: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        part = (log10(value) - log10(self.least)) / (log10(self.most) - log10(self.least))
        return round(self.begin + part * (self.end - self.begin), 1)


def chart(title: str, note: str, rows: list[list[Panel]], styles: dict[str, Style]) -> str:
    """The whole picture, as the text of an SVG file; every line needs a style."""
    columns = max(len(row) for row in rows)
    top = HEAD + LEGEND_LINE * ceil(len(styles) / LEGEND_COLUMNS)
    width, height = WIDTH * columns, top + HEIGHT * len(rows)
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' {FONT} font-size='12'>",
        f"<rect width='{width}' height='{height}' fill='white'/>",
        f"<text x='{LEFT}' y='24' font-size='17' font-weight='600'>{escape(title)}</text>",
        f"<text x='{LEFT}' y='42' fill='#666'>{escape(note)}</text>",
        *_legend(styles, (width - LEFT) / LEGEND_COLUMNS),
    ]
    for down, row in enumerate(rows):
        for across, panel in enumerate(row):
            place = f"translate({across * WIDTH} {top + down * HEIGHT})"
            parts += [f"<g transform='{place}'>", *_panel(panel, styles), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _legend(styles: dict[str, Style], step: float) -> Iterator[str]:
    for number, (name, style) in enumerate(styles.items()):
        x, y = LEFT + step * (number % LEGEND_COLUMNS), HEAD + 6 + LEGEND_LINE * (number // LEGEND_COLUMNS)
        yield _line([(x, y), (x + 26, y)], style)
        yield _mark(x + 13, y, style, name)
        yield f"<text x='{x + 33:.0f}' y='{y + 4}'>{escape(name)}</text>"


def _panel(panel: Panel, styles: dict[str, Style]) -> Iterator[str]:
    points = [point for line in panel.lines.values() for point in line]
    across = [x for x, _ in points]
    x_scale = Scale(min(across), max(across) if max(across) > min(across) else 10 * max(across), LEFT, WIDTH - RIGHT)
    decades = _decades(y for _, y in points)
    y_scale = Scale(decades[0], decades[-1], HEIGHT - BOTTOM, TOP)
    yield f"<text x='{LEFT}' y='20' font-size='13' font-weight='600'>{escape(panel.title)}</text>"
    for value in decades:
        y = y_scale(value)
        yield f"<path d='M{LEFT} {y}H{WIDTH - RIGHT}' stroke='#ddd'/>"
        yield f"<text x='{LEFT - 6}' y='{y + 4}' text-anchor='end' fill='#444'>{value:,g}</text>"
    below = f"y='{HEIGHT - BOTTOM + 17}' text-anchor='middle' fill='#444'"
    for value in sorted(set(across)):
        yield f"<text x='{x_scale(value)}' {below}>{value:,g}</text>"
    yield f"<text x='{(LEFT + WIDTH - RIGHT) / 2}' dy='18' {below}>{escape(panel.x_name)}</text>"
    for name, line in panel.lines.items():
        places = [(x_scale(x), y_scale(y)) for x, y in line]
        yield _line(places, styles[name])
        for (x, y), (place_x, place_y) in zip(line, places, strict=True):
            yield _mark(place_x, place_y, styles[name], f"{name}, {x:,g}: {y:,.4g}")


def _decades(values: Iterable[float]) -> list[float]:
    """Powers of ten around all values, at least two."""
    seen = list(values)
    first, last = floor(log10(min(seen))), ceil(log10(max(seen)))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def _line(places: list[tuple[float, float]], style: Style) -> str:
    points = " ".join(f"{x:g},{y:g}" for x, y in places)
    dashes = f" stroke-dasharray='{style.dashes}'" if style.dashes else ""
    return f"<polyline points='{points}' fill='none' stroke='{style.colour}' stroke-width='2'{dashes}/>"


def _mark(x: float, y: float, style: Style, told: str) -> str:
    shape = (
        f"<rect x='{x - 3.5:g}' y='{y - 3.5:g}' width='7' height='7'" if style.square
        else f"<circle cx='{x:g}' cy='{y:g}' r='3.7'"
    )  # fmt: skip
    return f"{shape} fill='{style.colour}'><title>{escape(told)}</title></{'rect' if style.square else 'circle'}>"
