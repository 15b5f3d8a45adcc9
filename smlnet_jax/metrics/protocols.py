"""The ways in which face super-resolution is scored. Scores under two of them must never stand in one column.

Every protocol first quantises both images to 8 bits (clip, x255, round), as if the prediction had been saved
as a PNG. What happens next differs, and moves the same pictures by 1.3 to 1.8 dB (docs/evaluation.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from smlnet_jax.errors import UserError

# Studio-range BT.601: Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255 for R, G, B in 0..255. Thousandths are
# exact in int32, so that truncation and rounding are the same on every device; float32 errs where Y is whole.
_Y_THOUSANDTHS = (65_481, 128_553, 24_966)
_Y_DIVISOR = 255_000


def uniform_window(size: int) -> tuple[float, ...]:
    """One axis of a separable mean filter."""
    return (1 / size,) * size


def gaussian_window(sigma: float, size: int) -> tuple[float, ...]:
    """One axis of a separable Gaussian filter, of sum 1; sigma in pixels, size odd."""
    weights = [math.exp(-0.5 * ((i - size // 2) / sigma) ** 2) for i in range(size)]
    return tuple(weight / sum(weights) for weight in weights)


@dataclass(frozen=True)
class Protocol:
    """What is compared (channels, border) and how SSIM looks at it (window, covariance)."""

    channels: str  # y_rounded | y_truncated | y (unquantised) | rgb
    border: int  # pixels cut off each side before anything is measured
    window: tuple[float, ...]  # of SSIM, one axis; positions where it would leave the image do not count
    sample_covariance: bool  # SSIM's variances divide by N - 1, not N

    @property
    def smallest(self) -> int:
        """Pixels that a side must have."""
        return 2 * self.border + len(self.window)

    def view(self, image: Float[Array, "b h w 3"]) -> Float[Array, "b h2 w2 c"]:
        """What this protocol measures of an image in [0, 1]: in 0..255, border cut, c = 1 or 3."""
        levels = jnp.round(jnp.clip(image, 0, 1) * 255).astype(jnp.int32)
        height, width = levels.shape[1:3]
        if min(height, width) < self.smallest:
            raise UserError(
                f"images of {width}x{height} are too small to be scored: this protocol cuts {self.border} "
                f"pixels off each side and needs {self.smallest}x{self.smallest}; use larger images or "
                "another protocol"
            )
        levels = levels[:, self.border : height - self.border, self.border : width - self.border]
        return levels.astype(jnp.float32) if self.channels == "rgb" else _luma(levels, self.channels)


PROTOCOLS: dict[str, Protocol] = {
    # SFMNet; DIC and SISN for PSNR at x8. SSIM with the defaults of scikit-image.
    "sfmnet": Protocol("y_rounded", border=8, window=uniform_window(7), sample_covariance=True),
    # SPARNet, CTCNet, WFEN. SSIM as in Wang et al. 2004.
    "sparnet": Protocol("y_truncated", border=0, window=gaussian_window(1.5, 11), sample_covariance=False),
    # BasicSR's Y channel, which is never quantised, with crop_border 0.
    "basicsr": Protocol("y", border=0, window=gaussian_window(1.5, 11), sample_covariance=False),
    # All three channels: PSNR of their common MSE, SSIM averaged over them.
    "rgb": Protocol("rgb", border=0, window=gaussian_window(1.5, 11), sample_covariance=False),
}


def get(protocol: str | Protocol) -> Protocol:
    """The protocol of that name, or the protocol itself; raises `UserError` for an unknown name."""
    if isinstance(protocol, Protocol):
        return protocol
    if protocol not in PROTOCOLS:
        raise UserError(f"protocol {protocol!r} is unknown; choose of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[protocol]


def nan_where_broken(values: Float[Array, " b"], image: Float[Array, "b h w 3"]) -> Float[Array, " b"]:
    """NaN for an image with a NaN or infinity in it: quantisation would turn those into innocent pixels."""
    return jnp.where(jnp.isfinite(image).all((1, 2, 3)), values, jnp.nan)


def _luma(levels: Int[Array, "b h w 3"], kind: str) -> Float[Array, "b h w 1"]:
    thousandths = (levels * jnp.array(_Y_THOUSANDTHS, jnp.int32)).sum(3, keepdims=True, dtype=jnp.int32)
    if kind == "y_truncated":
        return (16 + thousandths // _Y_DIVISOR).astype(jnp.float32)
    if kind == "y_rounded":
        return (16 + (thousandths + _Y_DIVISOR // 2) // _Y_DIVISOR).astype(jnp.float32)
    return 16 + thousandths.astype(jnp.float32) / _Y_DIVISOR
