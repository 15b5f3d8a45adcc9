"""Bicubic interpolation, in the two conventions of the field."""

from __future__ import annotations

import functools

import jax
import numpy as np
from jaxtyping import Array, Float, UInt8


def upsample(image: Float[Array, "b h w c"], size: int) -> Float[Array, "b size size c"]:
    """Bicubic as Pillow enlarges (Keys' kernel, a = -0.5), unclipped and not rounded between its passes."""
    batch, _, _, channels = image.shape
    return jax.image.resize(image, (batch, size, size, channels), "cubic")


def matlab_bicubic(image: UInt8[np.ndarray, "h w c"], height: int, width: int) -> UInt8[np.ndarray, "H W c"]:
    """MATLAB's `imresize(image, [height width])`: antialiased bicubic, mirrored borders, each pass in 8 bits.

    Pillow cuts its kernel off at the border and renormalises; MATLAB reads the mirror image there. Inside
    they agree.
    """
    passes = [(height / image.shape[0], 0, height), (width / image.shape[1], 1, width)]
    out = image
    for _, axis, length in sorted(passes):  # the axis that shrinks most comes first; of equals, rows
        if length != out.shape[axis]:
            weights = matlab_weights(out.shape[axis], length)
            wide = np.moveaxis(np.tensordot(weights, out.astype(np.float64), (1, axis)), 0, axis)
            out = np.floor(np.clip(wide, 0, 255) + 0.5).astype(np.uint8)
    return out


@functools.lru_cache(maxsize=32)
def matlab_weights(old: int, new: int) -> Float[np.ndarray, "new old"]:
    """One row an output pixel: where it reads, and how much of each."""
    scale = new / old
    shrink = min(scale, 1.0)  # antialiasing widens the kernel
    support = 4.0 / shrink
    centre = (np.arange(new) + 0.5) / scale - 0.5
    taps = int(np.ceil(support)) + 2
    left = np.floor(centre - support / 2).astype(int)
    index = left[:, None] + np.arange(taps)
    weight = shrink * _keys(shrink * (centre[:, None] - index))
    weight /= weight.sum(1, keepdims=True)
    mirrored = np.concatenate([np.arange(old), np.arange(old)[::-1]])[index % (2 * old)]
    matrix = np.zeros((new, old))
    np.add.at(matrix, (np.arange(new)[:, None], mirrored), weight)
    return matrix


def _keys(x: Float[np.ndarray, " ..."]) -> Float[np.ndarray, " ..."]:
    """Keys' cubic kernel with a = -0.5 (IEEE TASSP 1981)."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
