"""What LR says for certain: SR, reduced as HR was, is LR.

LR = D HR, with D Pillow's antialiased bicubic. Of all images that D takes to LR, the one nearest to SR is
SR + D^+ (LR - D SR), D^+ the pseudo-inverse (Bahat and Michaeli, CVPR 2020; Wang et al., ICLR 2023). But for
the 8 bits of LR, HR is one of those images: no SR ends further from it, and what a network has left to
learn is what D loses.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from PIL import Image

# A product in bfloat16 or TF32 would leave an error of the size of the one that the step takes away.
_product = functools.partial(jnp.einsum, "yh,bhwc,xw->byxc", precision=jax.lax.Precision.HIGHEST)


def consistent(
    sr: Float[Array, "b H W 3"], x: Float[Array, "b H W 3"], scale: int
) -> Float[Array, "b H W 3"]:
    """The image nearest to SR whose reduction by `scale` is LR, to rounding; float32.

    X is what `ops.resize.upsample` made of LR, which can be had back from it; H and W are multiples of
    `scale`.
    """
    rows, columns = (_matrices(size, scale) for size in sr.shape[1:3])
    lr = _product(rows.lr_of_x, x.astype(jnp.float32), columns.lr_of_x)
    missing = lr - _product(rows.reduce, sr, columns.reduce)
    return sr + _product(rows.spread, missing, columns.spread)


def consistency_macs(height: int, width: int, scale: int) -> int:
    """Multiply-accumulates of `consistent` for one image."""
    rows, columns = height // scale, width // scale
    return 3 * 3 * rows * width * (height + columns)  # colours, products; each along one axis, then the other


class _Matrices(NamedTuple):
    """Of one axis with H pixels, h of them in LR."""

    reduce: Float[np.ndarray, "h H"]  # D
    spread: Float[np.ndarray, "H h"]  # D^+
    lr_of_x: Float[np.ndarray, "h H"]  # the pseudo-inverse of the enlargement


@functools.lru_cache(maxsize=32)
def _matrices(size: int, scale: int) -> _Matrices:
    reduce, enlarge = _resizing(size, size // scale), _resizing(size // scale, size)
    matrices = reduce, np.linalg.pinv(reduce), np.linalg.pinv(enlarge)
    return _Matrices(*(matrix.astype(np.float32) for matrix in matrices))


def _resizing(old: int, new: int) -> Float[np.ndarray, "new old"]:
    """Pillow's bicubic as a matrix: what it makes of each column of the identity."""
    identity = Image.fromarray(np.eye(old, dtype=np.float32))
    return np.asarray(identity.resize((old, new), Image.Resampling.BICUBIC), np.float64)
