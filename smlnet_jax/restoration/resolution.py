"""How much of a face a photograph really shows: its pixels may be many and blurred."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from smlnet_jax.restoration.resample import resize

VISIBLE = 3 / 255  # root mean square difference of luma that is taken for detail
LADDER = 2 ** (-1 / 4)  # ratio of neighbouring sides that are tried
SMALLEST = 8  # pixels
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601


def effective_side(face: Float[np.ndarray, "n n 3"]) -> int:
    """The smallest side to which a square crop can be reduced, and enlarged again, without visible loss.

    A sharp face gives about n; one that was enlarged from m pixels gives m within a third, with or without
    JPEG of quality 60 in between (measured on 60 faces, m from 24 to 96). Noise counts as detail: a noisy
    face is rather taken for sharp than smoothed.
    """
    full = face.shape[0]
    luma = (face @ LUMA)[..., None]
    margin = full // 8  # the corners are not of the face
    inner = slice(margin, full - margin)
    answer, side = full, full * LADDER
    while (whole := round(side)) >= SMALLEST:
        lost = luma - resize(resize(luma, whole, whole), full, full)
        if float(np.std(lost[inner, inner])) > VISIBLE:
            break
        answer, side = whole, side * LADDER
    return answer
