"""What of a face comes from the photograph and what from the network.

A network was made for faces of one LR size. A photograph often shows more; then it gets the face reduced to
its LR size, and what the photograph shows beyond that is put back into the result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from smlnet_jax.restoration.resample import resize
from smlnet_jax.restoration.resolution import effective_side

BLURRED = 0.7  # a face that shows less than this of its pixels is blurred; above, the estimate is uncertain
NEARLY_LR = 1.5  # a blurred face of up to so many LR sizes counts as LR, for the same reason
STEPS = 4  # of back-projection


@dataclass(frozen=True, eq=False)
class AlignedFace:
    """A face in the canonical frame, ready for the network."""

    before: Float[np.ndarray, "size size 3"]  # at the network's output size
    lr: Float[np.ndarray, "n n 3"]  # at its LR size
    shown: Float[np.ndarray, "m m 3"]  # at its resolution: the pixels across that the photograph really shows
    span: float  # side of the crop in pixels of the photograph

    @property
    def resolution(self) -> int:
        """Fewer than `span` where the photograph is blurred, and at most `size`."""
        return self.shown.shape[0]

    @property
    def is_sharp(self) -> bool:
        """Whether it shows already what the network could give."""
        return self.resolution >= self.before.shape[0]


def aligned_face(
    crop_at: Callable[[int], Float[np.ndarray, "n n 3"]],
    span: float,
    *,
    size: int,
    lr_sizes: Collection[int],
) -> AlignedFace:
    """From a function that gives the canonical crop at any size; `span` is its side in the photograph.

    Of `lr_sizes` it gets the largest that the photograph shows in full, or else the smallest.
    """
    before = crop_at(size)
    resolution = resolution_of(before, span, lr_sizes)
    return AlignedFace(before, crop_at(_in_full(lr_sizes, resolution)), crop_at(resolution), span)


def resolution_of(before: Float[np.ndarray, "size size 3"], span: float, lr_sizes: Collection[int]) -> int:
    """Pixels across that a face of `span` pixels really shows, at most `size`."""
    pixels = min(max(round(span), 1), before.shape[0])
    shown = effective_side(before)
    if shown >= BLURRED * pixels:
        return pixels
    lr_size = _in_full(lr_sizes, shown)
    return lr_size if shown <= NEARLY_LR * lr_size else shown


def _in_full(lr_sizes: Collection[int], shown: int) -> int:
    return max((n for n in lr_sizes if n <= shown), default=min(lr_sizes))


def consistent(
    sr: Float[np.ndarray, "size size 3"], face: AlignedFace, fidelity: float
) -> Float[np.ndarray, "size size 3"]:
    """The network's SR with what the photograph shows put back, in full (`fidelity` 1) or in part.

    Back-projection (Irani and Peleg, 1991) at the photograph's resolution instead of the network's LR size:
    y += enlarge(shown - reduce(y)). A face of no more than the LR size is the network's alone.
    """
    size = sr.shape[0]
    if face.resolution <= face.lr.shape[0]:
        return sr
    faithful, side = sr, face.resolution
    for _ in range(STEPS):
        faithful = faithful + resize(face.shown - resize(faithful, side, side), size, size)
    return np.clip(sr + np.float32(fidelity) * (faithful - sr), 0, 1)


def lr_consistency(after: Float[np.ndarray, "size size 3"], lr: Float[np.ndarray, "n n 3"]) -> float:
    """PSNR in dB between the LR face and the result reduced to it, at most 100: does one show the other?"""
    error = resize(after, *lr.shape[:2]) - lr
    return float(-10 * np.log10(max(float((error**2).mean()), 1e-10)))
