"""Pairs of generated images that differ as a restoration does from its original."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def pair() -> tuple[np.ndarray, np.ndarray]:
    """(restored, original), uint8 [6, 48, 64, 3]: blurred against sharp, dark to bright, grey to coloured."""
    rng = np.random.default_rng(7)
    originals, restored = [], []
    for contrast in (0.02, 0.2, 0.5, 1, 2, 8):
        coarse = 128 + contrast * rng.normal(0, 40, (6, 8, 3)) + rng.normal(0, 30, 3)
        smooth = Image.fromarray(_uint8(coarse)).resize((64, 48), Image.Resampling.BICUBIC)
        sharp = Image.fromarray(_uint8(np.asarray(smooth) + contrast * rng.normal(0, 12, (48, 64, 3))))
        originals.append(np.asarray(sharp))
        small = sharp.resize((16, 12), Image.Resampling.BICUBIC)
        restored.append(np.asarray(small.resize((64, 48), Image.Resampling.BICUBIC)))
    return np.stack(restored), np.stack(originals)


def _uint8(values: np.ndarray) -> np.ndarray:
    return np.round(np.clip(values, 0, 255)).astype(np.uint8)
