import jax
import numpy as np
import pytest
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio

from smlnet_jax.metrics import psnr

_LUMA = {
    "sfmnet": lambda y: np.round(y).astype(np.uint8)[8:-8, 8:-8],
    "sparnet": lambda y: y.astype(np.uint8),
    "basicsr": lambda y: y,
}


@pytest.mark.parametrize("protocol", ["sfmnet", "sparnet", "basicsr", "rgb"])
def test_psnr_equals_scikit_image(protocol, pair):
    prepare = _LUMA.get(protocol)
    expected = []
    for images in zip(*pair, strict=True):
        sr, hr = images if prepare is None else (prepare(rgb2ycbcr(image)[..., 0]) for image in images)
        expected.append(peak_signal_noise_ratio(hr, sr, data_range=255))
    ours = jax.jit(psnr, static_argnums=2)(*(image.astype(np.float32) / 255 for image in pair), protocol)
    np.testing.assert_allclose(ours, expected, atol=2e-3)  # one pixel at a tie of truncation is 1e-3


def test_uniform_error_of_one_level_is_48_13_db():
    hr = np.full((1, 32, 32, 3), 100 / 255, np.float32)
    np.testing.assert_allclose(psnr(hr + 1 / 255, hr, "rgb"), 10 * np.log10(255**2), atol=1e-4)
