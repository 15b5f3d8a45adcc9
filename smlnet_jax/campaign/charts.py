"""The pictures of report.html as SVG; colours are the page's, so that they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np

from smlnet_jax.campaign import tables
from smlnet_jax.campaign.comparison import BETTER, WORSE
from smlnet_jax.campaign.tables import Results

WIDTH = 760
COLOURS = 8  # of the page's palette; then they come again, dashed
_DASHES = ("", "7 4", "2 3")
_COSTS = {"macs": (1e-9, "GMACs"), "milliseconds": (1.0, "ms")}  # a member's key: its unit, the unit's name
_CLIPPED = 4.0  # dB below the best at which a curve leaves the picture


class Axis(NamedTuple):
    """From values to pixels, linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def at(self, value: float) -> float:
        low, high, value = (math.log(v) if self.is_log else v for v in (self.low, self.high, value))
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        if self.is_log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            marks = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
        else:
            step = _nice((self.high - self.low) / 5)
            marks = [i * step for i in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        return [mark for mark in marks if self.low <= mark <= self.high]


def differences(results: Results, dataset: str) -> str:
    """PSNR against the reference under the main protocol: a dot and its interval for each member."""
    rows = []
    for name, member in results["members"].items():
        if found := tables.comparison(member, dataset, results["protocol"], "psnr"):
            rows.append((name, found))
    if not rows:
        return ""
    left, top, line = 190, 12, 24
    seeds_of = {name: found["by_seed"].values() if len(found["by_seed"]) > 1 else () for name, found in rows}
    ends = [0.0, *(found[key] for _, found in rows for key in ("low", "high"))]
    ends += [value for seeds in seeds_of.values() for value in seeds]
    axis = Axis(*_padded(ends), left, WIDTH - 90)
    bottom = top + line * len(rows)
    parts = _vertical_grid(axis, top, bottom, "{:+.3g}")
    zero = axis.at(0)
    parts.append(f'<line class="zero" x1="{zero:.1f}" x2="{zero:.1f}" y1="{top}" y2="{bottom}"/>')
    for i, (name, found) in enumerate(rows):
        y = top + line * (i + 0.5)
        kind = {BETTER: "better", WORSE: "worse"}.get(found["verdict"], "undecided")
        low, mean, high = (axis.at(found[key]) for key in ("low", "mean", "high"))
        words = (
            f"{name}: {found['mean']:+.3f} dB [{found['low']:+.3f}, {found['high']:+.3f}], {found['verdict']}"
        )
        seeds = "".join(
            f'<circle class="seed" cx="{axis.at(value):.1f}" cy="{y}" r="2.5"/>' for value in seeds_of[name]
        )
        parts.append(
            f'<g class="{kind}"><title>{escape(words)}</title>'
            f'<text class="label" x="{left - 12}" y="{y + 4}">{escape(name)}</text>'
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>{seeds}'
            f'<circle cx="{mean:.1f}" cy="{y}" r="5"/>'
            f'<text x="{WIDTH - 78}" y="{y + 4}">{found["mean"]:+.3f}</text></g>'
        )
    title = f"PSNR minus that of {results['reference']}, dB"
    return _svg(parts + _caption(axis, bottom + 34, title), bottom + 42, f"{dataset}: {title}")


def learning(results: Results, x: str) -> str:
    """Validation PSNR against `images` or `seconds`, a line a member: the mean of the seeds that are done."""
    lines = {}
    for number, (name, member) in enumerate(results["members"].items()):
        if points := _curve(list(member["runs"].values()), x):
            lines[name] = number, points
    if not lines:
        return ""
    heights = [psnr for _, points in lines.values() for _, psnr in points]
    best = max(heights)
    shown = [psnr for psnr in heights if psnr >= best - _CLIPPED]
    across = Axis(0, max(at for _, points in lines.values() for at, _ in points) or 1, 60, WIDTH - 20)
    top, bottom = 12, 330
    up = Axis(*_padded(shown), bottom, top)
    parts = _vertical_grid(across, top, bottom, "{:,.0f}") + _horizontal_grid(up, across)
    parts.append(
        f'<clipPath id="plot-{x}"><rect x="{across.start}" y="{top}" width="{across.end - across.start}" '
        f'height="{bottom - top}"/></clipPath>'
    )
    for name, (number, points) in lines.items():
        path = " ".join(f"{across.at(at):.1f},{up.at(psnr):.1f}" for at, psnr in points)
        dots = "".join(
            f'<circle cx="{across.at(at):.1f}" cy="{up.at(psnr):.1f}" r="3"/>' for at, psnr in points
        )
        parts.append(
            f'<g class="curve" clip-path="url(#plot-{x})" style="--own:var(--c{number % COLOURS})">'
            f"<title>{escape(name)}: {points[-1][1]:.3f} dB</title>"
            f'<polyline points="{path}" stroke-dasharray="{_dash(number)}"/>{dots}</g>'
        )
    title = {"images": "training images seen", "seconds": "seconds of training"}[x]
    ranked = sorted(lines, key=lambda name: -lines[name][1][-1][1])
    return _svg(
        parts + _caption(across, bottom + 34, title), bottom + 42, f"validation PSNR in dB against {title}"
    ) + _legend((name, lines[name][0]) for name in ranked)


def cost(results: Results, dataset: str, of: str = "macs") -> str:
    """PSNR against the cost of an image (macs | milliseconds), one dot a member; named where there is room.

    The line joins those that are the best of their cost or less.
    """
    protocol, (unit, what) = results["protocol"], _COSTS[of]
    dots = []
    for number, (name, member) in enumerate(results["members"].items()):
        psnr = member["scores"][dataset][protocol]["psnr"]["mean"] if member["scores"] else None
        if psnr is not None and member[of]:
            dots.append((name, number, member[of] * unit, psnr))
    if len(dots) < 2:
        return ""
    best = max(psnr for *_, psnr in dots)
    dots = sorted((dot for dot in dots if dot[3] >= best - _CLIPPED), key=lambda dot: -dot[3])
    low, high = min(dot[2] for dot in dots), max(dot[2] for dot in dots)
    is_log = high > 4 * low
    low, high = (low / 1.3, high * 1.3) if is_log else _padded([low, high])
    across = Axis(low, high, 60, WIDTH - 20, is_log)
    top, bottom = 12, 300
    up = Axis(*_padded([dot[3] for dot in dots]), bottom, top)
    parts = _vertical_grid(across, top, bottom, "{:.3g}") + _horizontal_grid(up, across)
    places = [(across.at(spent), up.at(psnr)) for _, _, spent, psnr in dots]
    taken = [(x - 6, x + 6, y) for x, y in places]
    front: list[tuple[float, float]] = []
    for x, y in sorted(places):  # upwards is smaller
        if not front or y < front[-1][1]:
            front.append((x, y))
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in front)
    parts.append(f'<polyline class="front" points="{path}"/>')
    for (name, number, spent, psnr), (x, y) in zip(dots, places, strict=True):
        length, label = 7.5 * len(name), ""
        for side in (-1,) if x > WIDTH - 160 else (1, -1):
            start, end = sorted((x + 9 * side, x + (9 + length) * side))
            if all(start > right or end < left or abs(y - at) > 12 for left, right, at in taken):
                taken.append((start, end, y))
                anchor = f'x="{x + 9 * side:.1f}" text-anchor="{"end" if side < 0 else "start"}"'
                label = f'<text {anchor} y="{y + 4:.1f}">{escape(name)}</text>'
                break
        parts.append(
            f'<g class="dot" style="--own:var(--c{number % COLOURS})">'
            f"<title>{escape(name)}: {psnr:.3f} dB, {spent:.3f} {what}</title>"
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5"/>{label}</g>'
        )
    title = f"{what} an image"
    parts += _caption(across, bottom + 34, title)
    return _svg(parts, bottom + 42, f"{dataset}: PSNR in dB against {title}")


def _curve(runs: Sequence[Mapping[str, Any]], x: str) -> list[tuple[float, float]]:
    """(x, PSNR) at each validation: means over the runs that are done; without any, the first run.

    A run that ended early would lift or lower what comes after it.
    """
    by_step: dict[int, list[tuple[float, float]]] = {}
    for run in [run for run in runs if run["status"] == "done"] or runs[:1]:
        for point in run.get("curve", ()):
            if point[x] is not None:
                by_step.setdefault(point["step"], []).append((point[x], point["psnr"]))
    return [tuple(np.mean(points, axis=0).tolist()) for _, points in sorted(by_step.items())]


def _legend(lines: Iterable[tuple[str, int]]) -> str:
    items = "".join(
        f'<li><svg viewBox="0 0 26 8" width="26" height="8" aria-hidden="true"><line class="swatch" x1="0" '
        f'x2="26" y1="4" y2="4" style="stroke:var(--c{number % COLOURS})" '
        f'stroke-dasharray="{_dash(number)}"/>'
        f"</svg>{escape(name)}</li>"
        for name, number in lines
    )
    return f'<ul class="legend">{items}</ul>'


def _dash(number: int) -> str:
    return _DASHES[number // COLOURS % len(_DASHES)]


def _vertical_grid(axis: Axis, top: float, bottom: float, form: str) -> list[str]:
    return [
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>'
        f'<text class="tick" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">'
        f"{form.format(tick) if tick else 0}</text>"
        for tick, x in ((tick, axis.at(tick)) for tick in axis.ticks())
    ]


def _horizontal_grid(axis: Axis, across: Axis) -> list[str]:
    digits = 1 if abs(axis.high - axis.low) > 1 else 2
    return [
        f'<line class="grid" x1="{across.start}" x2="{across.end}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="{across.start - 8}" y="{y + 4:.1f}" text-anchor="end">'
        f"{tick:.{digits}f}</text>"
        for tick, y in ((tick, axis.at(tick)) for tick in axis.ticks())
    ]


def _caption(axis: Axis, y: float, text: str) -> list[str]:
    middle = (axis.start + axis.end) / 2
    return [f'<text class="tick" x="{middle:.1f}" y="{y}" text-anchor="middle">{escape(text)}</text>']


def _svg(parts: Sequence[str], height: float, label: str) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.5
    return low - margin, high + margin


def _nice(step: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= step * 0.999)
