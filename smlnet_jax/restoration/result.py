"""What restoration gives back."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from smlnet_jax.restoration.resample import Map


@dataclass(frozen=True, eq=False)
class RestoredFace:
    """One face. Coordinates are pixels of the upright input, (0, 0) being the centre of its first pixel."""

    box: Float[np.ndarray, "edges=4"]  # left, top, right, bottom
    landmarks: Float[np.ndarray, "5 2"] | None  # eyes, nose, mouth corners; None if a crop shows none
    score: float | None  # the detector's, in [0, 1]; None if it saw no face in a crop
    before: Float[np.ndarray, "n n 3"]  # the crop that was restored, in [0, 1]
    after: Float[np.ndarray, "size size 3"]  # restored; equal to `before` where the face was left alone
    to_crop: Map  # from the input into `after`
    resolution: int  # pixels across that the input really shows of this crop
    restored: bool  # False: it was sharp enough already
    identity: float | None  # cosine between SFace's embeddings of before and after; None if not asked for
    lr_consistency: float  # PSNR in dB between the LR face and the result reduced to it
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Restoration:
    """A restored photograph."""

    image: Float[np.ndarray, "h w 3"]  # float32 in [0, 1]
    faces: tuple[RestoredFace, ...]
    # By step: read, detect, align, network, compare, paste.
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
