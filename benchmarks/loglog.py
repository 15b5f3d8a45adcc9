"""A plot with two logarithmic axes, as SVG text."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 400, 60, 170, 40, 50
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # Okabe and Ito's, told apart by colour-blind eyes


class Line(NamedTuple):
    """Positive values `y` at positive `x`."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


def plot(lines: Sequence[Line], title: str, x_label: str) -> str:
    """The lines with their points; a dashed one from the first point of each grows with x squared."""
    all_x = [x for line in lines for x in line.x]
    all_y = [y for line in lines for y in line.y]
    low, high = _decades(all_y)
    left, right = min(all_x), max(all_x)

    def at(x: float, y: float) -> tuple[float, float]:
        across = math.log(x / left) / (math.log(right / left) or 1)
        up = math.log(y / low) / math.log(high / low)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-size="13">{escape(title)}</text>',
    ]
    value = low
    while value <= high * 1.001:
        _, y = at(left, value)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
        value *= 10
    for side in sorted(set(all_x)):
        x, _ = at(side, low)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{side:g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 10}" text-anchor="middle">{escape(x_label)}</text>')
    for line, colour in zip(lines, itertools.cycle(COLOURS), strict=False):
        parts += _drawn(line, colour, at, high)
    return "\n".join([*parts, "</svg>", ""])


def _drawn(line: Line, colour: str, at, high: float) -> Iterator[str]:
    places = [at(x, y) for x, y in zip(line.x, line.y, strict=True)]
    proportional = [line.y[0] * (x / line.x[0]) ** 2 for x in line.x]
    dashed = [at(x, y) for x, y in zip(line.x, proportional, strict=True) if y <= high]
    yield f'<path d="{_path(dashed)}" fill="none" stroke="{colour}" stroke-dasharray="3 4" opacity="0.6"/>'
    yield f'<path d="{_path(places)}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, y in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
    x, y = places[-1]
    yield f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" fill="{colour}">{escape(line.name)}</text>'


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """The powers of ten around them."""
    low = 10.0 ** math.floor(math.log10(min(values)))
    return low, max(10.0 ** math.ceil(math.log10(max(values))), 10 * low)


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
