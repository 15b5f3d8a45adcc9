import jax
import numpy as np
import pytest
from skimage.color import rgb2ycbcr
from skimage.metrics import structural_similarity

from smlnet_jax.metrics import ssim

_GAUSSIAN = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}


def reference(sr: np.ndarray, hr: np.ndarray, protocol: str) -> float:
    if protocol == "rgb":
        return structural_similarity(sr, hr, channel_axis=2, **_GAUSSIAN)
    a, b = (rgb2ycbcr(image)[..., 0] for image in (sr, hr))
    if protocol == "sfmnet":
        a, b = (np.round(y).astype(np.uint8)[8:-8, 8:-8] for y in (a, b))
        return structural_similarity(a, b, data_range=255)
    if protocol == "sparnet":
        a, b = a.astype(np.uint8), b.astype(np.uint8)
    return structural_similarity(a, b, **_GAUSSIAN)


@pytest.mark.parametrize("protocol", ["sfmnet", "sparnet", "basicsr", "rgb"])
def test_ssim_equals_scikit_image(protocol, pair):
    ours = jax.jit(ssim, static_argnums=2)(*(image.astype(np.float32) / 255 for image in pair), protocol)
    expected = [reference(sr, hr, protocol) for sr, hr in zip(*pair, strict=True)]
    np.testing.assert_allclose(ours, expected, atol=5e-5)


@pytest.mark.parametrize("level", [0, 3, 128, 255])
def test_flat_image_keeps_its_precision(level):
    """Variances of 0 as differences of squares near 65,025: float32 must not see texture there."""
    hr = np.full((1, 40, 40, 3), level / 255, np.float32)
    sr = hr.copy()
    sr[0, ::2, ::2] += (1 if level < 255 else -1) / 255
    expected = reference(*(np.round(image[0] * 255).astype(np.uint8) for image in (sr, hr)), "rgb")
    np.testing.assert_allclose(ssim(sr, hr, "rgb"), expected, atol=1e-4)
