"""Image metrics as pure functions, one value an image, under named protocols; and a mean that merges."""

from smlnet_jax.metrics.bands import band_floor, band_psnr
from smlnet_jax.metrics.mean import Mean
from smlnet_jax.metrics.protocols import PROTOCOLS, Protocol
from smlnet_jax.metrics.psnr import psnr
from smlnet_jax.metrics.ssim import ssim
from smlnet_jax.metrics.vif import vif

__all__ = ["PROTOCOLS", "Mean", "Protocol", "band_floor", "band_psnr", "psnr", "ssim", "vif"]
