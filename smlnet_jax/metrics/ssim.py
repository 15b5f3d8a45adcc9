"""Structural similarity: Wang et al., "From error visibility to structural similarity", IEEE TIP 2004."""

from __future__ import annotations

from jaxtyping import Array, Float

from smlnet_jax.metrics import protocols
from smlnet_jax.metrics.correlation import correlate
from smlnet_jax.metrics.protocols import Protocol

C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2


def ssim(
    sr: Float[Array, "b h w 3"], hr: Float[Array, "b h w 3"], protocol: str | Protocol = "sfmnet"
) -> Float[Array, " b"]:
    """Mean SSIM of each image (RGB in [0, 1]) under a protocol, in [-1, 1]; NaN if `sr` is not finite.

    Equal to scikit-image's `structural_similarity` with the protocol's window: only windows that lie wholly
    inside the image count.
    """
    rule = protocols.get(protocol)
    # Variances do not depend on the origin, but float32 does: around mid-grey the squares are smaller.
    x, y = rule.view(sr) - 128, rule.view(hr) - 128
    mean_x, mean_y, xx, yy, xy = (correlate(plane, rule.window) for plane in (x, y, x * x, y * y, x * y))

    pixels = len(rule.window) ** 2
    norm = pixels / (pixels - 1) if rule.sample_covariance else 1.0
    var_x, var_y, cov = norm * (xx - mean_x**2), norm * (yy - mean_y**2), norm * (xy - mean_x * mean_y)

    mean_x, mean_y = mean_x + 128, mean_y + 128
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    contrast_structure = (2 * cov + C2) / (var_x + var_y + C2)
    return protocols.nan_where_broken((luminance * contrast_structure).mean((1, 2, 3)), sr)
