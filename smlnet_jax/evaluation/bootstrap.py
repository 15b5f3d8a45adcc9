"""Is one method better than another? The paired bootstrap over images (Efron and Tibshirani, 1993).

Both methods have scored the same images, so only the differences count: what makes an image hard is hard for
both, and falls out. The interval speaks of other images of the same kind; it knows nothing of other seeds of
a training, and nothing of other data sets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from smlnet_jax.errors import UserError

RESAMPLES = 10_000
LEVEL = 0.95
FEW = 20  # images; over fewer, an interval is too narrow
_DRAWN_AT_ONCE = 4_000_000  # indices; bounds the memory


class Difference(NamedTuple):
    """Mean of (first - second), and the interval that it lies in."""

    mean: float
    low: float
    high: float
    images: int

    @property
    def is_distinguishable(self) -> bool:
        """Whether the interval leaves 0 out."""
        return not self.low <= 0 <= self.high


def paired_difference(
    first: Float[np.ndarray, " n"],
    second: Float[np.ndarray, " n"],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Difference:
    """Mean difference of two methods' scores of the same n images, and its percentile interval.

    Each resample draws n images with replacement, the same for both methods; the interval is between the
    (1 - level) / 2 and (1 + level) / 2 quantiles of their mean differences. The same seed gives the same
    interval, and exchanged methods the negative one. Below 20 images or so it is too narrow.

    Raises `UserError` for fewer than two images and for scores that are not finite.
    """
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"two vectors of one length are needed, not {first.shape} and {second.shape}")
    n = len(first)
    if n < 2:
        raise UserError(f"a comparison over {n} images says nothing; score at least two")
    differences = first.astype(np.float64) - second.astype(np.float64)
    if not np.isfinite(differences).all():
        raise UserError(
            f"score {int(np.argmin(np.isfinite(differences))) + 1} of {n} is not finite, so there is no mean "
            "difference; drop that image from both"
        )
    rng = np.random.default_rng(seed)
    rows = max(_DRAWN_AT_ONCE // n, 1)
    means = np.concatenate(
        [
            differences[rng.integers(n, size=(min(rows, resamples - done), n))].mean(axis=1)
            for done in range(0, resamples, rows)
        ]
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Difference(float(differences.mean()), float(low), float(high), n)
