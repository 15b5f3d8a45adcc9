"""Resizing of float pictures, exactly as Pillow does it (antialiased when reducing), and maps between grids.

Pixel coordinates are (x, y) with the centre of the first pixel at (0, 0), as in OpenCV. A map is a 2x3 matrix
that takes (x, y, 1) to (x', y').
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from PIL import Image

BICUBIC, LANCZOS = Image.Resampling.BICUBIC, Image.Resampling.LANCZOS

Map = Float[np.ndarray, "2 3"]


def resize(
    image: Float[np.ndarray, "h w 3"], height: int, width: int, kernel: Image.Resampling = BICUBIC
) -> Float[np.ndarray, "H W 3"]:
    """Resized channel by channel (Pillow has no float RGB), not clipped; float32."""
    if image.shape[:2] == (height, width):
        return image.astype(np.float32)
    out = np.empty((height, width, image.shape[2]), np.float32)
    for c in range(image.shape[2]):
        plane = Image.fromarray(np.ascontiguousarray(image[..., c], dtype=np.float32))
        out[..., c] = np.asarray(plane.resize((width, height), kernel))
    return out


def grid_map(old: tuple[int, int], new: tuple[int, int]) -> Map:
    """Where pixels go when a picture is resized from (height, width) `old` to `new`: outer edges coincide."""
    scale_y, scale_x = new[0] / old[0], new[1] / old[1]
    return np.array([[scale_x, 0, (scale_x - 1) / 2], [0, scale_y, (scale_y - 1) / 2]])


def shift(dx: float, dy: float) -> Map:
    """The map that moves by (dx, dy)."""
    return np.array([[1, 0, dx], [0, 1, dy]], np.float64)


def compose(second: Map, first: Map) -> Map:
    """The map that does `first`, then `second`."""
    return second @ np.vstack([first, [0, 0, 1]])


def invert(forward: Map) -> Map:
    """The map back."""
    return np.linalg.inv(np.vstack([forward, [0, 0, 1]]))[:2]


def transform(points: Float[np.ndarray, "n 2"], forward: Map) -> Float[np.ndarray, "n 2"]:
    """Points through a map."""
    return points @ forward[:, :2].T + forward[:, 2]


def scale_of(forward: Map) -> float:
    """By how much a map enlarges lengths (the square root of its determinant)."""
    return float(np.sqrt(abs(np.linalg.det(forward[:, :2]))))
