"""Pictures to look at: one row a face, one column a method."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from smlnet_jax.files import put

_GAP = 4  # pixels between pictures
_LINE = 16  # height of a line of text
_TEXT = 11


def sample_grid(
    columns: Mapping[str, UInt8[np.ndarray, "n h w 3"] | Float[np.ndarray, "n h w 3"]],
    path: Path | str,
    names: Sequence[str] = (),
) -> None:
    """Writes a labelled PNG, whole or not at all: a column for each entry of `columns`, a row for each image.

    Images are uint8, or float in [0, 1]. Smaller ones (LR) are enlarged to the largest by repeating pixels.
    `names[i]` stands below row i.
    """
    pictures = {title: _uint8(images) for title, images in columns.items()}
    rows = min(map(len, pictures.values()))
    side_h = max(images.shape[1] for images in pictures.values())
    side_w = max(images.shape[2] for images in pictures.values())
    row_height = side_h + _GAP + (_LINE if names else 0)

    font = ImageFont.load_default(_TEXT)
    words = max((math.ceil(font.getlength(name)) + _GAP for name in names[:rows]), default=0)
    width = max(len(pictures) * (side_w + _GAP), words)
    sheet = Image.new("RGB", (_GAP + width, _LINE + _GAP + rows * row_height), "white")
    draw = ImageDraw.Draw(sheet)
    for column, (title, images) in enumerate(pictures.items()):
        left = _GAP + column * (side_w + _GAP)
        draw.text((left, 1), title, "black", font)
        for row in range(rows):
            picture = Image.fromarray(images[row]).resize((side_w, side_h), Image.Resampling.NEAREST)
            sheet.paste(picture, (left, _LINE + _GAP + row * row_height))
    for row, name in enumerate(names[:rows]):
        draw.text((_GAP, _LINE + _GAP + row * row_height + side_h), name, "dimgray", font)

    png = io.BytesIO()
    sheet.save(png, format="PNG")
    put(Path(path), png.getvalue())


def _uint8(images: np.ndarray) -> UInt8[np.ndarray, "n h w 3"]:
    images = np.asarray(images)
    if images.dtype == np.uint8:
        return images
    return np.round(np.clip(np.nan_to_num(images), 0, 1) * 255).astype(np.uint8)
