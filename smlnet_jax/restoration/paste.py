"""Restored faces back into their photograph, without a seam.

What is pasted is the difference that restoration made, not the face: `canvas + mask * (after - before)`. So
the photograph keeps its grain and its detail beyond the network's resolution, stays as it is to the last bit
where the network changed nothing, and has no step at the mask's edge.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from smlnet_jax.restoration.bundled import opencv
from smlnet_jax.restoration.resample import (
    LANCZOS,
    Map,
    compose,
    grid_map,
    invert,
    resize,
    scale_of,
    shift,
    transform,
)

SOLID, CLEAR = 0.70, 0.96  # of half the crop's side: the mask is 1 inside the first and 0 outside the second


def enlarge(image: Float[np.ndarray, "h w 3"], factor: float) -> Float[np.ndarray, "H W 3"]:
    """The canvas: the photograph enlarged by Lanczos, in [0, 1]. The same array where `factor` is 1."""
    if factor == 1:
        return image
    height, width = (round(side * factor) for side in image.shape[:2])
    enlarged = resize(image, height, width, LANCZOS)
    return np.clip(enlarged, 0, 1, out=enlarged)


def paste(
    canvas: Float[np.ndarray, "h w 3"],
    before: Float[np.ndarray, "n n 3"],
    after: Float[np.ndarray, "n n 3"],
    crop_to_canvas: Map,
    free: Float[np.ndarray, "h w"] | None = None,
) -> None:
    """Adds what restoration changed to the canvas, in place and clipped to [0, 1]; only the face's part.

    Where faces meet, the first on top: `free`, 1 everywhere before it, is how much of each pixel is left to
    the next, in place, too.
    """
    cv2 = opencv()
    size = before.shape[0]
    part = region(canvas.shape[:2], size, crop_to_canvas)
    if part is None:
        return
    rows, columns = part
    reduced = min(size, max(math.ceil(size * scale_of(crop_to_canvas)), 1))
    change = resize(after - before, reduced, reduced)  # antialiased, where the canvas is the coarser
    to_canvas = compose(crop_to_canvas, grid_map((reduced, reduced), (size, size)))
    warped = cv2.warpAffine(
        change,
        compose(shift(-columns.start, -rows.start), to_canvas),
        (columns.stop - columns.start, rows.stop - rows.start),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    mask = soft_mask(rows, columns, size, crop_to_canvas)
    if free is not None:
        left = free[rows, columns]
        mask *= left
        left -= mask
    face = canvas[rows, columns]
    face += mask[..., None] * warped
    np.clip(face, 0, 1, out=face)


def soft_mask(rows: slice, columns: slice, size: int, crop_to_canvas: Map) -> Float[np.ndarray, "h w"]:
    """How much of a face's restoration is seen at each pixel of a part of the canvas, in [0, 1].

    A superellipse of exponent 4 (2 is a circle, infinity the whole square) in the crop's frame: 1 over the
    face, 0 with a level slope before the crop's edge.
    """
    x, y = np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop)[:, None]
    radius = np.zeros((y.size, x.size), np.float32)
    for along_x, along_y, offset in invert(crop_to_canvas):  # row by row of the map: a line, and a column
        line, column = (along_x * x + offset + 0.5) * 2 / size - 1, along_y * y * 2 / size
        radius += np.square(np.square(line.astype(np.float32) + column.astype(np.float32)))
    radius = np.sqrt(np.sqrt(radius))
    ramp = np.clip((CLEAR - radius) / (CLEAR - SOLID), 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def region(canvas: tuple[int, int], size: int, crop_to_canvas: Map) -> tuple[slice, slice] | None:
    """Rows and columns of the canvas (height, width) that a crop covers; None where it lies outside."""
    edge = size - 0.5
    corners = np.array([[-0.5, -0.5], [edge, -0.5], [-0.5, edge], [edge, edge]])
    reached = transform(corners, crop_to_canvas)
    low = np.maximum(np.floor(reached.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(reached.max(axis=0)).astype(int) + 1, canvas[::-1])
    if (low >= high).any():
        return None
    return slice(low[1], high[1]), slice(low[0], high[0])
