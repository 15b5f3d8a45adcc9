"""Pictures in rows and columns, pixel for pixel: titles above, captions below, scales beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from smlnet_jax.figures.inset import Inset
from smlnet_jax.restoration.files import shown

DPI = 100
MARK = "#ffd400"  # of boxes: a colour that faces do not have

_MARGIN = 12  # pixels, all of them
_GAP = 6
_APART = 14  # above a row that has a name, unless it is the first
_LINE = 18  # height of a line of text
_TEXT = 9.0  # points
_BAR = 12  # width of a colour bar
_BAR_ROOM = 84  # with its ticks and label


class Scale(NamedTuple):
    """From values to colours; `extend` names the ends beyond which values are cut off: neither, max, both."""

    colormap: str
    low: float
    high: float
    label: str
    extend: str = "neither"

    def paint(self, values: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
        unit = np.clip((values - self.low) / (self.high - self.low), 0, 1)
        return np.round(matplotlib.colormaps[self.colormap](unit)[..., :3] * 255).astype(np.uint8)


class Cell(NamedTuple):
    """A square picture of any size, a line below it, and the box that is marked on it.

    `framed`: it is itself what a box holds.
    """

    image: UInt8[np.ndarray, "h w 3"]
    caption: str = ""
    box: Inset | None = None
    framed: bool = False


class Row(NamedTuple):
    """Cells (None leaves a place empty), a line above them, and the scale that they are painted in."""

    cells: Sequence[Cell | None]
    name: str = ""
    scale: Scale | None = None


def grid(titles: Sequence[str], rows: Sequence[Row], side: int) -> Figure:
    """The figure, with cells of side x side pixels. Titles have a line or two."""
    title_lines = max(title.count("\n") + 1 for title in titles)
    heights = [_height(row, side) + (_APART if row.name and i else 0) for i, row in enumerate(rows)]
    room = _BAR_ROOM if any(row.scale for row in rows) else 0
    width = 2 * _MARGIN + len(titles) * (side + _GAP) - _GAP + room
    height = 2 * _MARGIN + title_lines * _LINE + sum(heights) - _GAP
    sheet = _Sheet(width, height)

    for column, title in enumerate(titles):
        sheet.text(_MARGIN + column * (side + _GAP), _MARGIN, title, side, weight="bold")
    top = _MARGIN + title_lines * _LINE
    for row, row_height in zip(rows, heights, strict=True):
        pictures = top + row_height - _height(row, side) + (_LINE if row.name else 0)
        if row.name:
            sheet.text(_MARGIN, pictures - _LINE, row.name, width - 2 * _MARGIN, color="dimgray")
        for column, cell in enumerate(row.cells):
            if cell is not None:
                sheet.cell(cell, _MARGIN + column * (side + _GAP), pictures, side)
        if row.scale:
            sheet.bar(row.scale, width - _MARGIN - room + 2 * _GAP, pictures, side)
        top += row_height
    return sheet.figure


def cell_side(size: int, wanted: int = 256) -> int:
    """The multiple of `size` nearest to what is wanted: pictures are enlarged by repeating pixels."""
    return size * max(1, round(wanted / size))


def _height(row: Row, side: int) -> int:
    captioned = any(cell is not None and cell.caption for cell in row.cells)
    return side + _GAP + _LINE * (bool(row.name) + captioned)


class _Sheet:
    """A figure in pixels from the top left; matplotlib counts from the bottom."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")

    def text(self, left: int, top: int, text: str, room: int, **style) -> None:
        """Lines below each other; what is too long for `room` pixels loses its middle."""
        for number, line in enumerate(map(shown, text.splitlines())):
            baseline = top + (number + 1) * _LINE - 5  # so that letters of one row stand on one line
            self.figure.text(
                left / self.width,
                1 - baseline / self.height,
                _shortened(line, room),
                va="baseline",
                fontsize=_TEXT,
                parse_math=False,
                **style,
            )

    def cell(self, cell: Cell, left: int, top: int, side: int) -> None:
        enlarged = Image.fromarray(cell.image).resize((side, side), Image.Resampling.NEAREST)
        self.figure.figimage(np.asarray(enlarged), left, self.height - top - side, origin="upper")
        if cell.framed:
            self._box(left, top, side)
        if cell.box is not None:
            zoom = side / cell.image.shape[0]
            self._box(left + cell.box.x * zoom, top + cell.box.y * zoom, cell.box.size * zoom)
        if cell.caption:
            self.text(left, top + side, cell.caption, side)

    def bar(self, scale: Scale, left: int, top: int, length: int) -> None:
        place = (left / self.width, 1 - (top + length) / self.height, _BAR / self.width, length / self.height)
        mappable = matplotlib.cm.ScalarMappable(Normalize(scale.low, scale.high), scale.colormap)
        bar = self.figure.colorbar(mappable, cax=self.figure.add_axes(place), extend=scale.extend)
        bar.set_label(scale.label, fontsize=_TEXT)
        bar.ax.tick_params(labelsize=_TEXT - 1)
        labels = [
            label
            for label, value in zip(bar.ax.get_yticklabels(), bar.get_ticks(), strict=True)
            if scale.low <= value <= scale.high
        ]
        labels[0].set_verticalalignment("bottom")  # within the bar: another may begin right below it
        labels[-1].set_verticalalignment("top")
        bar.outline.set_linewidth(0.5)

    def _box(self, left: float, top: float, side: float, line: float = 2.0) -> None:
        """A line that stays within the square."""
        corner = left + line / 2, self.height - top - side + line / 2
        inner = side - line
        self.figure.add_artist(
            Rectangle(corner, inner, inner, fill=False, edgecolor=MARK, lw=line * 72 / DPI, transform=None)
        )


def _shortened(text: str, room: int) -> str:
    """What fits into `room` pixels; a common letter of bold text is 8 wide."""
    letters = max(room // 8, 4)
    return (
        text if len(text) <= letters else text[: letters // 2 - 1] + "…" + text[1 - letters + letters // 2 :]
    )
