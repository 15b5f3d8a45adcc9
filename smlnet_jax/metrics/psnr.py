"""Peak signal-to-noise ratio."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from smlnet_jax.metrics import protocols
from smlnet_jax.metrics.protocols import Protocol


def psnr(
    sr: Float[Array, "b h w 3"], hr: Float[Array, "b h w 3"], protocol: str | Protocol = "sfmnet"
) -> Float[Array, " b"]:
    """PSNR in dB of each image (RGB in [0, 1]) under a protocol.

    Infinite where the protocol sees no difference, NaN if `sr` is not finite.
    """
    view = protocols.get(protocol).view
    mse = jnp.square(view(sr) - view(hr)).mean((1, 2, 3))
    return protocols.nan_where_broken(10 * jnp.log10(255**2 / mse), sr)
