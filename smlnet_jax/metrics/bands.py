"""PSNR by radial frequency: where in the spectrum a restoration is right.

With E the orthonormal DFT of the error e over h x w pixels, Parseval's theorem splits the squared error into
parts that add up:

    mse = sum_b mse_b,    mse_b = 1 / (h w) * sum |E(u, v)|^2 over edge_b <= sqrt(u^2 + v^2) < edge_b+1

and PSNR_b = 10 log10(255^2 / mse_b). Frequencies are in cycles per pixel, of the picture that the protocol
measures, taken as periodic: a step between opposite borders of the error counts as high frequency.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float

from smlnet_jax.metrics import protocols
from smlnet_jax.metrics.protocols import Protocol

# Octaves. LR of x8 shows nothing above 1/16, of x4 nothing above 1/8 (along an axis).
EDGES = (1 / 32, 1 / 16, 1 / 8, 1 / 4)


def band_names(edges: Sequence[float] = EDGES) -> tuple[str, ...]:
    """What the bands are called in tables: by their upper edge, as 1/N; the last has none."""
    return (*(f"< 1/{1 / edge:g}" for edge in edges), f">= 1/{1 / edges[-1]:g}")


def band_psnr(
    sr: Float[Array, "b h w 3"],
    hr: Float[Array, "b h w 3"],
    protocol: str | Protocol = "basicsr",
    edges: Sequence[float] = EDGES,
) -> Float[Array, "b bands"]:
    """PSNR in dB of each image (RGB in [0, 1]) in the bands that `edges` part, low to high.

    `edges` rise, in cycles per pixel; the first band holds the mean, the last the corners of the spectrum.
    Infinite where a band shows no difference, NaN if `sr` is not finite.
    """
    view = protocols.get(protocol).view
    values = _decibels(_energy(view(sr) - view(hr), edges))
    return protocols.nan_where_broken(values.T, sr).T


def band_floor(
    hr: Float[Array, "b h w 3"], protocol: str | Protocol = "basicsr", edges: Sequence[float] = EDGES
) -> Float[Array, "b bands"]:
    """The band-wise PSNR in dB of a picture that has nothing in the band (but the right mean).

    How far `band_psnr` lies above it is the signal-to-noise ratio of the band; below it, what was drawn there
    does more harm than nothing would.
    """
    return _decibels(_energy(protocols.get(protocol).view(hr), edges, mean=False))


def _energy(
    x: Float[Array, "b h w c"], edges: Sequence[float], *, mean: bool = True
) -> Float[Array, "b bands"]:
    """The mean square of each image, by band; the sum over bands is the mean square itself.

    Without the `mean` it is the variance: float32 could not take the mean off to the last bit.
    """
    power = jnp.square(jnp.abs(jnp.fft.fft2(x, axes=(1, 2), norm="ortho"))).mean(3)
    power = power if mean else power.at[:, 0, 0].set(0)
    height, width = x.shape[1:3]
    bands = _bands(height, width, edges).astype(np.float32)
    return jnp.einsum("khw,bhw->bk", bands, power, precision=lax.Precision.HIGHEST) / (height * width)


def _bands(height: int, width: int, edges: Sequence[float]) -> Bool[np.ndarray, "bands height width"]:
    """Each frequency of the DFT belongs to one band."""
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    return np.digitize(radius, edges) == np.arange(len(edges) + 1)[:, None, None]


def _decibels(mse: Float[Array, "b bands"]) -> Float[Array, "b bands"]:
    return 10 * jnp.log10(255**2 / mse)
