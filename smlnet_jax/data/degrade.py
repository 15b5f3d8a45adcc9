"""How an LR face is made of an HR one. The kernel's name belongs beside every number that comes of it.

pil_bicubic       Pillow's antialiased bicubic, 8 bits after each pass: what FSR papers train and test on
matlab_bicubic    MATLAB's imresize, which differs from it along the border
area              the mean of each scale x scale block
blind             blur, resize by kernels drawn at random, noise, JPEG, in this order; ranges in `Blind`
"""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageFilter

from smlnet_jax.ops.resize import matlab_bicubic

_KERNELS = (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR, Image.Resampling.BOX)


class Blind(NamedTuple):
    """Ranges that a blind degradation is drawn from, uniformly."""

    blur: tuple[float, ...] = (0.2, 3.0)  # sigma of a Gaussian, in HR pixels
    noise: tuple[float, ...] = (0.0, 0.06)  # sigma of Gaussian noise on LR, of a range of 1
    jpeg: tuple[int, ...] = (50, 95)  # quality, on LR


def make_lr(
    hr: UInt8[np.ndarray, "H W 3"],
    scale: int,
    kernel: str = "pil_bicubic",
    rng: np.random.Generator | None = None,
    blind: Blind | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """LR of H/scale x W/scale. Only `blind` draws, from `rng` (None: the same each time) within `blind`."""
    height, width = hr.shape[0] // scale, hr.shape[1] // scale
    if kernel == "blind":
        return _blind(hr, height, width, np.random.default_rng(0) if rng is None else rng, blind or Blind())
    if kernel == "matlab_bicubic":
        return matlab_bicubic(hr, height, width)
    resampling = {"pil_bicubic": Image.Resampling.BICUBIC, "area": Image.Resampling.BOX}[kernel]
    return np.asarray(Image.fromarray(hr).resize((width, height), resampling))


def _blind(
    hr: UInt8[np.ndarray, "H W 3"], height: int, width: int, rng: np.random.Generator, ranges: Blind
) -> UInt8[np.ndarray, "h w 3"]:
    sigma = rng.uniform(ranges.blur[0], ranges.blur[1])
    blurred = Image.fromarray(hr).filter(ImageFilter.GaussianBlur(sigma))
    # A chain of two resizes, as a picture that was shrunk more than once: first to a size in between.
    factor = rng.uniform(0.5, 1.0)
    between = [
        max(round(side * factor), small) for side, small in zip(hr.shape[1::-1], (width, height), strict=True)
    ]
    first, second = rng.choice(len(_KERNELS), 2)
    small = blurred.resize((between[0], between[1]), _KERNELS[first]).resize(
        (width, height), _KERNELS[second]
    )
    noise = rng.normal(0, 255 * rng.uniform(ranges.noise[0], ranges.noise[1]), (height, width, 3))
    noisy = np.clip(np.asarray(small) + noise, 0, 255).round().astype(np.uint8)
    file = io.BytesIO()
    quality = int(rng.integers(ranges.jpeg[0], ranges.jpeg[1], endpoint=True))
    Image.fromarray(noisy).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))
