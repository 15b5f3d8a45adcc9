"""The canonical crop: the frame in which the networks have seen every face.

Five landmarks are brought to fixed places by the similarity (turn, scale, shift) with the least squared
error; the eyes come to (0.375, 0.47) and (0.625, 0.47) of the side. The framing is FFHQ's: hair and chin are
in it.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int, UInt8, UInt16

from smlnet_jax.restoration.bundled import opencv
from smlnet_jax.restoration.resample import (
    Map,
    compose,
    grid_map,
    invert,
    resize,
    scale_of,
    shift,
    transform,
)

# Eyes (left in the picture first), nose, mouth corners, in sides of the crop. The eyes are the definition;
# nose and mouth are medians over 500 aligned faces, made symmetric.
CANONICAL = np.array([[0.375, 0.47], [0.625, 0.47], [0.5, 0.612], [0.393, 0.7175], [0.607, 0.7175]])

NEARLY_ONE = 0.9  # a warp that shrinks by no more than this needs no antialiasing


def canonical_landmarks(size: int) -> Float[np.ndarray, "5 2"]:
    """Where the landmarks lie in a crop of `size` pixels."""
    return CANONICAL * size


def similarity(source: Float[np.ndarray, "n 2"], target: Float[np.ndarray, "n 2"]) -> Map:
    """The turn, scale and shift that bring `source` closest to `target` in least squares; never a reflection.

    In closed form: points as complex numbers make it a linear regression with one complex coefficient. It is
    Umeyama's solution (PAMI 1991) in two dimensions. Points that all coincide are only shifted.
    """
    a, b = (points.astype(np.float64) @ np.array([1, 1j]) for points in (source, target))
    spread = a - a.mean()
    power = float((np.abs(spread) ** 2).sum())
    turn = (spread.conj() * (b - b.mean())).sum() / power if power > 0 else 1.0 + 0j
    offset = b.mean() - turn * a.mean()
    return np.array([[turn.real, -turn.imag, offset.real], [turn.imag, turn.real, offset.imag]])


def photo_to_crop(landmarks: Float[np.ndarray, "5 2"], size: int) -> Map:
    """The map from the photograph into its canonical crop of `size` pixels."""
    return similarity(landmarks, canonical_landmarks(size))


def misfit(landmarks: Float[np.ndarray, "5 2"], forward: Map, size: int) -> float:
    """Root mean square distance of the mapped landmarks from their canonical places, in sides of the crop."""
    offsets = transform(landmarks, forward) - canonical_landmarks(size)
    return float(np.sqrt((offsets**2).sum(axis=1).mean()) / size)


def crop(
    pixels: UInt8[np.ndarray, "h w 3"] | UInt16[np.ndarray, "h w 3"] | Float[np.ndarray, "h w 3"],
    forward: Map,
    size: int,
) -> Float[np.ndarray, "size size 3"]:
    """The crop that `forward` maps to, float32 in [0, 1]; antialiased where that reduces.

    Warped at a multiple of the size that keeps the photograph's pixels, then reduced. Integers are scaled by
    their type's maximum. What lies beyond the photograph is its mirror image.
    """
    cv2 = opencv()
    factor = max(math.ceil(NEARLY_ONE / scale_of(forward)), 1)
    fine = compose(grid_map((size, size), (size * factor, size * factor)), forward)
    window, to_window = _window(pixels, fine, size * factor)
    image = cv2.warpAffine(
        window,
        compose(fine, invert(to_window)),
        (size * factor, size * factor),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,  # never seen: the window reaches beyond the crop
    )
    return np.clip(resize(image, size, size), 0, 1)


def _window(pixels: np.ndarray, forward: Map, size: int) -> tuple[Float[np.ndarray, "h w 3"], Map]:
    """The part of the photograph that the crop is made of, as float in [0, 1], and the map into that part.

    Mirrored here, because OpenCV's mirrored border never returns from a window one pixel wide.
    """
    top_level = 1.0 if pixels.dtype.kind == "f" else float(np.iinfo(pixels.dtype).max)
    reach = 4  # of the cubic kernel, in pixels of the photograph
    corners = transform(np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64), invert(forward))
    left, top = np.floor(corners.min(axis=0) - reach).astype(int)
    right, bottom = np.ceil(corners.max(axis=0) + reach).astype(int)
    rows = _mirrored(np.arange(top, bottom), pixels.shape[0])
    columns = _mirrored(np.arange(left, right), pixels.shape[1])
    window = pixels[rows[:, None], columns].astype(np.float32) / np.float32(top_level)
    return window, shift(-left, -top)


def _mirrored(index: Int[np.ndarray, " n"], length: int) -> Int[np.ndarray, " n"]:
    """Positions beyond 0..length-1 folded back at the first and last pixel, as often as it takes."""
    period = max(2 * (length - 1), 1)
    folded = index % period
    return np.minimum(folded, period - folded) if length > 1 else np.zeros_like(index)
