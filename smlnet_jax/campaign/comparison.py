"""Is a member better than the reference? Tested over images and, where there are several, over seeds.

Scores of one image are averaged over the seeds that both methods have; the interval is a paired bootstrap
over the images. It knows nothing of seeds: a difference that holds on all faces may still be the luck of one
training. So a verdict needs the interval to leave 0 out, and every seed to agree with it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from smlnet_jax.evaluation.bootstrap import Difference, paired_difference

Scores = Float[np.ndarray, " n"]  # one value an image, in the order of the names

BETTER, WORSE, UNDECIDED = "better", "worse", "not told apart"


class Comparison(NamedTuple):
    """Member minus reference: the mean over images and seeds, its 95 % interval, and by seed."""

    mean: float
    low: float
    high: float
    images: int
    by_seed: dict[int, float]
    verdict: str


def compare(member: Mapping[int, Scores], reference: Mapping[int, Scores]) -> Comparison | None:
    """Scores of the same images by seed. None where no seed is common, or a score is not finite."""
    seeds = sorted(set(member) & set(reference))
    if not seeds:
        return None
    ours, theirs = (np.stack([scores[seed] for seed in seeds]) for scores in (member, reference))
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()) or ours.shape[1] < 2:
        return None
    found = _difference(ours.mean(0).tobytes(), theirs.mean(0).tobytes())
    by_seed = dict(zip(seeds, (ours - theirs).mean(1).tolist(), strict=True))
    return Comparison(*found, by_seed, verdict(found, list(by_seed.values())))


def verdict(found: Difference, by_seed: list[float]) -> str:
    """`better`, `worse`, or `not told apart`."""
    if not found.is_distinguishable:
        return UNDECIDED
    sign = 1 if found.low > 0 else -1
    if any(sign * difference <= 0 for difference in by_seed):
        return UNDECIDED
    return BETTER if sign > 0 else WORSE


@functools.lru_cache(maxsize=65_536)
def _difference(ours: bytes, theirs: bytes) -> Difference:
    """Remembered: the report is written again after every run, and most of it is as before."""
    return paired_difference(np.frombuffer(ours), np.frombuffer(theirs))
