"""The part of a face that is shown enlarged."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from smlnet_jax.errors import UserError


class Inset(NamedTuple):
    """A square, in pixels from the top left."""

    x: int
    y: int
    size: int

    def cut(self, image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "size size 3"]:
        return image[self.y : self.y + self.size, self.x : self.x + self.size]


def parse(text: str, size: int) -> Inset:
    """`x,y,size`. Raises `UserError` if it is no such thing, or not wholly in a picture of size x size."""
    try:
        inset = Inset(*map(int, text.split(",")))
    except (TypeError, ValueError) as error:
        raise UserError(f"--inset={text} is not x,y,size, three whole numbers such as 32,44,32") from error
    if inset.size < 2 or min(inset) < 0 or max(inset.x, inset.y) + inset.size > size:
        raise UserError(
            f"--inset={text} does not lie in a picture of {size}x{size}; give x,y,size with x + size and "
            f"y + size at most {size}"
        )
    return inset


def busiest(restored: UInt8[np.ndarray, "h w 3"], bicubic: UInt8[np.ndarray, "h w 3"]) -> Inset:
    """The square of a quarter of the side where the restoration differs most from bicubic.

    It lies where a canonical crop has eyes, nose and mouth: hair against a wall changes most, and says least.
    """
    height, width = bicubic.shape[:2]
    side = max(height // 4, 2)
    top, left = round(0.32 * height), round(0.2 * width)
    face = slice(top, round(0.86 * height)), slice(left, width - left)
    change = np.abs(restored.astype(np.int64) - bicubic).sum(-1)[face]
    sums = np.pad(change.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    within = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    y, x = np.unravel_index(int(within.argmax()), within.shape)
    return Inset(left + int(x), top + int(y), side)
