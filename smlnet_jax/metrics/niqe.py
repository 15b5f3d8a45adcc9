"""NIQE: Mittal, Soundararajan and Bovik, "Making a 'Completely Blind' Image Quality Analyzer", IEEE Signal
Processing Letters 2013.

Without an original: how far are the statistics of a photograph's 96x96 blocks from those of pristine ones?
Both are Gaussians over 36 features of locally normalised luminance, and

    NIQE = sqrt((m1 - m2)^T ((S1 + S2) / 2)^+ (m1 - m2))

Lower is more natural. The figure depends on the pristine model: the authors' own, or one that `fit` makes of
other photographs, whose figures compare with no others. In NumPy and double precision: photographs have any
size.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from smlnet_jax.errors import UserError
from smlnet_jax.metrics.arrays import check, one_of, read_arrays
from smlnet_jax.metrics.protocols import gaussian_window
from smlnet_jax.ops.resize import matlab_weights

BLOCK = 96
FEATURES = 36  # 18 at each of two scales
SHARP = 0.75  # of an image's sharpest block: only blocks above it are fit for the pristine model

_WINDOW = gaussian_window(7 / 6, 7)
_NOTHING = 1e-9  # levels; luminance has whole ones
_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))  # right, below and on both diagonals
_SHAPES = np.arange(200, 10_001) / 1000  # of generalised Gaussians; the authors' grid
# Where the authors' files and BasicSR's have the mean and the covariance.
_MEAN, _COVARIANCE = ("mu_pris_param", "mu_prisparam"), ("cov_pris_param", "cov_prisparam")


@dataclass(frozen=True, eq=False)
class NaturalModel:
    """What pristine blocks look like."""

    mean: Float[np.ndarray, "features=36"]
    covariance: Float[np.ndarray, "features=36 features=36"]


def niqe(model: NaturalModel, image: UInt8[np.ndarray, "h w 3"]) -> float:
    """The distance of one image from `model`, 0 or more.

    On BT.601's Y of studio range in whole levels, as BasicSR takes it. What does not fill a block at the
    right and bottom is left out. Raises `UserError` unless two blocks or more show anything.
    """
    found, _ = block_features(image)
    whole = found[np.isfinite(found).all(1)]
    if len(whole) < 2:
        raise UserError(
            f"{image.shape[1]}x{image.shape[0]} has fewer than two {BLOCK}x{BLOCK} blocks that show "
            "anything, and NIQE needs their spread; give whole photographs"
        )
    # The authors' nanmean and nancov: of a block that is flat at one scale the other's features count.
    apart = model.mean - np.nanmean(found, axis=0)
    inverse = np.linalg.pinv((model.covariance + np.cov(whole, rowvar=False)) / 2)
    return math.sqrt(max(float(apart @ inverse @ apart), 0.0))


def fit(images: Iterable[UInt8[np.ndarray, "h w 3"]]) -> NaturalModel:
    """The model of pristine images, by the sharp blocks of each (the paper, section 2.2).

    Raises `UserError` if there are not more such blocks than features. The authors took 125 photographs.
    """
    sharp = []
    for image in images:
        found, sharpness = block_features(image)
        if len(found):
            sharp.append(found[(sharpness > SHARP * sharpness.max()) & np.isfinite(found).all(1)])
    blocks = np.concatenate(sharp) if sharp else np.empty((0, FEATURES))
    if len(blocks) <= FEATURES:
        raise UserError(
            f"these images have {len(blocks)} sharp {BLOCK}x{BLOCK} blocks, and the model needs more than "
            f"{FEATURES}; give more photographs, or larger ones"
        )
    return NaturalModel(blocks.mean(0), np.cov(blocks, rowvar=False))


def read_natural_model(path: Path) -> NaturalModel:
    """From an `.npz` under BasicSR's names or the authors'. Raises `UserError` for another content."""
    arrays = read_arrays(path)
    mean = one_of(arrays, _MEAN, path).reshape(-1)
    covariance = one_of(arrays, _COVARIANCE, path)
    return NaturalModel(
        np.asarray(check(mean, (FEATURES,), _MEAN[0], path), np.float64),
        np.asarray(check(covariance, (FEATURES, FEATURES), _COVARIANCE[0], path), np.float64),
    )


def write_natural_model(file, model: NaturalModel) -> None:
    """Writes what `read_natural_model` reads."""
    np.savez(file, mu_pris_param=model.mean, cov_pris_param=model.covariance)


def block_features(
    image: UInt8[np.ndarray, "h w 3"],
) -> tuple[Float[np.ndarray, "blocks 36"], Float[np.ndarray, " blocks"]]:
    """Features of every whole block, row by row, and its sharpness: the mean local deviation.

    NaN where a block is flat: it has no shape.
    """
    rows, columns = (side // BLOCK for side in image.shape[:2])
    if not rows or not columns:
        return np.empty((0, FEATURES)), np.empty(0)
    y = _luma(image[: rows * BLOCK, : columns * BLOCK])
    normal, deviation = _normalised(y)
    sharpness = _blocks(deviation, BLOCK).mean((1, 2))
    half, _ = _normalised(_halved(y))
    scales = _blocks(normal, BLOCK), _blocks(half, BLOCK // 2)
    found = [_statistics(fine) + _statistics(coarse) for fine, coarse in zip(*scales, strict=True)]
    return np.array(found), sharpness


def _luma(image: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
    """Y in whole levels; in integers, where a half is a half."""
    thousandths = image @ np.array([65_481, 128_553, 24_966])
    return 16.0 + (thousandths + 127_500) // 255_000


def _normalised(y: Float[np.ndarray, "h w"]) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """Luminance with its local mean taken off, over its local deviation; and that deviation."""
    mean = _smoothed(y)
    deviation = np.sqrt(np.abs(_smoothed(y * y) - mean * mean))
    apart = y - mean
    apart[np.abs(apart) < _NOTHING] = 0  # on neither side, lest rounding choose one for a flat place
    return apart / (deviation + 1), deviation


def _smoothed(plane: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Gaussian means, the border repeated."""
    for axis in (0, 1):
        margin = [(0, 0), (0, 0)]
        margin[axis] = (len(_WINDOW) // 2,) * 2
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(plane, margin, "edge"), len(_WINDOW), axis)
        plane = windows @ np.array(_WINDOW)
    return plane


def _halved(y: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h2 w2"]:
    """MATLAB's imresize(y, 0.5)."""
    height, width = y.shape
    return matlab_weights(height, height // 2) @ y @ matlab_weights(width, width // 2).T


def _blocks(plane: Float[np.ndarray, "h w"], side: int) -> Float[np.ndarray, "blocks side side"]:
    height, width = plane.shape
    parted = plane.reshape(height // side, side, width // side, side)
    return parted.transpose(0, 2, 1, 3).reshape(-1, side, side)


def _statistics(block: Float[np.ndarray, "side side"]) -> list[float]:
    """18 numbers: the fit to the block, then to its products with each of four neighbours (cyclic)."""
    shape, left, right = _asymmetric_gaussian(block)
    found = [shape, (left + right) / 2]
    for shift in _NEIGHBOURS:
        shape, left, right = _asymmetric_gaussian(block * np.roll(block, shift, (0, 1)))
        skew = (right - left) * _ratio(2, 1, shape)
        found += [shape, skew, left, right]
    return found


def _asymmetric_gaussian(values: Float[np.ndarray, "h w"]) -> tuple[float, float, float]:
    """Shape and left and right scale of an asymmetric generalised Gaussian, by moments (Lasmar et al., 2009).

    NaN if all values are on one side of 0.
    """
    square = values * values
    below, above = values < 0, values > 0
    if not below.any() or not above.any():
        return math.nan, math.nan, math.nan
    left, right = math.sqrt(square[below].mean()), math.sqrt(square[above].mean())
    skew = left / right
    kurtosis = np.abs(values).mean() ** 2 / square.mean()
    wanted = kurtosis * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shape = float(_SHAPES[np.abs(_shape_ratios() - wanted).argmin()])
    scale = math.sqrt(_ratio(1, 3, shape))
    return shape, left * scale, right * scale


@functools.cache
def _shape_ratios() -> Float[np.ndarray, " shapes"]:
    """E|x|^2 / E x^2 of a generalised Gaussian, for each of `_SHAPES`."""
    return np.array([_ratio(2, 1, shape) * _ratio(2, 3, shape) for shape in _SHAPES.tolist()])


def _ratio(over: int, under: int, shape: float) -> float:
    """Gamma(over / shape) / Gamma(under / shape)."""
    return math.gamma(over / shape) / math.gamma(under / shape)
