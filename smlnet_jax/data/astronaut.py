"""A data set in one public-domain photograph: scikit-image's portrait of the astronaut Eileen Collins (NASA).

It shows that the machinery works, before any data set is at hand. It says nothing about quality on faces:
there is one. Her face, which `val` shows, is not in `train`, which shows the rest of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from smlnet_jax.data.sources import Face, ImageSource
from smlnet_jax.errors import UserError

SIDE = 128
FACE = (
    132,
    16,
    312,
    196,
)  # left, top, right, bottom: the canonical crop, without its rotation of 3.5 degrees

_SIZES = (128, 176, 240)  # sides of training crops in the photograph, before they become SIDE
_STEP = 12  # pixels between neighbouring crops
_NUDGES = (-10, 0, 10)  # where else `val` looks, so that its mean is over nine crops


@dataclass(frozen=True)
class Crops:
    """Squares of one photograph, each brought to SIDE x SIDE."""

    description: str
    photograph: UInt8[np.ndarray, "h w 3"]
    boxes: tuple[tuple[int, int, int, int], ...]  # left, top, right, bottom

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: int) -> Face:
        left, top, right, bottom = self.boxes[index]
        crop = Image.fromarray(self.photograph[top:bottom, left:right])
        return Face(
            f"astronaut_{left}_{top}_{right - left}",
            np.asarray(crop.resize((SIDE, SIDE), Image.Resampling.BICUBIC)),
        )


def open_astronaut(text: str) -> ImageSource:
    """`astronaut:train` or `astronaut:val`. Raises `UserError` for another part, or without scikit-image."""
    part = text.partition(":")[2]
    if part not in ("train", "val"):
        raise UserError(f"{text} is unknown; astronaut:train and astronaut:val are there")
    try:
        from skimage.data import astronaut
    except ImportError as error:
        raise UserError(f"{text} is a photograph of scikit-image; `pip install scikit-image`") from error
    photograph = astronaut()
    boxes = beside_the_face(*photograph.shape[:2]) if part == "train" else faces()
    return Crops(
        f"{len(boxes)} crops of the portrait of Eileen Collins (NASA, public domain)", photograph, boxes
    )


def faces() -> tuple[tuple[int, int, int, int], ...]:
    """The face, and the same nudged in eight directions."""
    left, top, right, bottom = FACE
    return tuple((left + x, top + y, right + x, bottom + y) for y in _NUDGES for x in _NUDGES)


def beside_the_face(height: int, width: int) -> tuple[tuple[int, int, int, int], ...]:
    """Squares of several sizes, on a grid, that share no pixel with any crop of the face."""
    crops = faces()
    (left, top), (right, bottom) = np.min(crops, 0)[:2], np.max(crops, 0)[2:]
    return tuple(
        (x, y, x + size, y + size)
        for size in _SIZES
        for y in range(0, height - size + 1, _STEP)
        for x in range(0, width - size + 1, _STEP)
        if x >= right or x + size <= left or y >= bottom or y + size <= top
    )
