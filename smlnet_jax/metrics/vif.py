"""Visual information fidelity in the pixel domain: Sheikh and Bovik, "Image information and visual quality",
IEEE TIP 2006, in the multi-scale form of the authors' vifp_mscale.

Over four scales it asks how much of what an eye could learn from the original it can still learn from the
restored picture. 1 is the original; 0 shows nothing of it; added contrast may give more than 1.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from smlnet_jax.errors import UserError
from smlnet_jax.metrics import protocols
from smlnet_jax.metrics.correlation import correlate
from smlnet_jax.metrics.protocols import Protocol, gaussian_window

SMALLEST = 41  # pixels each way after the protocol's cut: the coarsest scale then has room for its window

_WINDOWS = tuple(gaussian_window(size / 5, size) for size in (17, 9, 5, 3))  # from fine to coarse
_EYE_NOISE = 2.0  # variance of what the eye adds, in squared levels of 255
_FLAT = 1e-3  # variance that float32 cannot tell from none; the authors' double precision has 1e-10


def vif(
    sr: Float[Array, "b h w 3"], hr: Float[Array, "b h w 3"], protocol: str | Protocol = "basicsr"
) -> Float[Array, " b"]:
    """VIF of each image (RGB in [0, 1]) on a protocol's channels, their mean if they are three.

    NaN if `sr` is not finite, or if `hr` is flat and has nothing to be shown. Raises `UserError` below
    `SMALLEST` pixels.
    """
    view = protocols.get(protocol).view
    original, restored = view(hr), view(sr)
    if min(original.shape[1:3]) < SMALLEST:
        height, width = original.shape[1:3]
        raise UserError(
            f"images of {width}x{height} are too small for VIF, which needs {SMALLEST}x{SMALLEST}"
        )
    centre = original.mean((1, 2), keepdims=True)  # variances do not depend on the origin, float32 does
    original, restored = original - centre, restored - centre
    shown = present = jnp.zeros(())
    for scale, window in enumerate(_WINDOWS):
        if scale:
            original, restored = (correlate(plane, window)[:, ::2, ::2] for plane in (original, restored))
        kept, there = _information(original, restored, window)
        shown, present = shown + kept, present + there
    ratio = jnp.where(present > 0, shown / present, jnp.nan)
    return protocols.nan_where_broken(ratio.mean(1), sr)


def _information(
    x: Float[Array, "b h w c"], y: Float[Array, "b h w c"], window: tuple[float, ...]
) -> tuple[Float[Array, "b c"], Float[Array, "b c"]]:
    """What the eye learns of the original x from y, and from x itself, at one scale (nats, twice).

    In each window y = gain x + noise, and x is Gaussian.
    """
    mean_x, mean_y, xx, yy, xy = (correlate(plane, window) for plane in (x, y, x * x, y * y, x * y))
    var_x, var_y, cov = jnp.maximum(xx - mean_x**2, 0), jnp.maximum(yy - mean_y**2, 0), xy - mean_x * mean_y
    related = (var_x > _FLAT) & (var_y > _FLAT) & (cov > 0)
    gain = jnp.where(related, cov / jnp.where(related, var_x, 1), 0)
    noise = jnp.maximum(var_y - gain * cov, 0)
    var_x = jnp.where(var_x > _FLAT, var_x, 0)
    kept = jnp.log1p(gain**2 * var_x / (noise + _EYE_NOISE))
    return kept.sum((1, 2)), jnp.log1p(var_x / _EYE_NOISE).sum((1, 2))
