"""Bicubic on real faces, against values that independent code found.

Nothing of ours may change them: a failure means that a protocol, or how LR is made, is no longer the field's.
"""

import json

import jax
import numpy as np
import pytest
from PIL import Image

from smlnet_jax.metrics import psnr, ssim

PROTOCOLS = ("sfmnet", "sparnet", "rgb")


@jax.jit
def score(sr, hr):
    sr, hr = sr / 255, hr / 255
    return {name: {"psnr": psnr(sr, hr, name), "ssim": ssim(sr, hr, name)} for name in PROTOCOLS}


@pytest.mark.parametrize("scale", [4, 8, 16])
@pytest.mark.parametrize("name", ["celeba", "congress", "lfw"])
def test_bicubic_scores_the_reference_values(name, scale, faces, golden):
    reference = json.loads((golden / f"bicubic_{name}.json").read_text())
    originals = [Image.open(path).convert("RGB") for path in sorted((faces / name / "test").iterdir())]
    assert len(originals) == reference["images"]
    small = [image.resize((128 // scale,) * 2, Image.Resampling.BICUBIC) for image in originals]
    restored = [image.resize((128, 128), Image.Resampling.BICUBIC) for image in small]

    sr, hr = (
        np.stack([np.asarray(image, np.float32) for image in images]) for images in (restored, originals)
    )
    parts = [score(sr[i : i + 50], hr[i : i + 50]) for i in range(0, len(hr), 50)]
    scores = jax.tree.map(lambda *values: np.concatenate(values).mean(dtype=np.float64), *parts)
    for protocol in PROTOCOLS:
        expected = reference[f"x{scale}"][protocol]
        assert scores[protocol]["psnr"] == pytest.approx(expected["psnr"], abs=2e-4)  # 10 times what is asked
        assert scores[protocol]["ssim"] == pytest.approx(expected["ssim"], abs=2e-5)
