import functools

import jax
import numpy as np
import pytest
from scipy.signal import convolve2d
from skimage.color import rgb2ycbcr

from smlnet_jax.errors import UserError
from smlnet_jax.metrics import vif
from smlnet_jax.metrics.vif import SMALLEST

# What sewar 0.4.10, code that is not ours, finds for the Y of the pairs in conftest.py.
SEWAR = (0.592479, 0.532775, 0.450442, 0.388416, 0.308994, 0.153286)


def vifp_mscale(original: np.ndarray, restored: np.ndarray) -> float:
    """The authors' algorithm, step by step, in double precision and with two-dimensional windows."""
    shown = present = 0.0
    for scale in range(1, 5):
        size = 2 ** (4 - scale + 1) + 1
        grid = np.arange(size) - size // 2
        window = np.exp(-(grid[:, None] ** 2 + grid**2) / (2 * (size / 5) ** 2))
        mean = functools.partial(convolve2d, in2=window / window.sum(), mode="valid")
        if scale > 1:
            original, restored = mean(original)[::2, ::2], mean(restored)[::2, ::2]
        var_x = np.maximum(mean(original**2) - mean(original) ** 2, 0)
        var_y = np.maximum(mean(restored**2) - mean(restored) ** 2, 0)
        cov = mean(original * restored) - mean(original) * mean(restored)
        gain = cov / (var_x + 1e-10)
        noise = var_y - gain * cov
        flat = var_x < 1e-10
        gain[flat], noise[flat], var_x[flat] = 0, var_y[flat], 0
        gain[var_y < 1e-10] = noise[var_y < 1e-10] = 0
        noise[gain < 0], gain[gain < 0] = var_y[gain < 0], 0
        noise = np.maximum(noise, 1e-10)
        shown += np.log10(1 + gain**2 * var_x / (noise + 2)).sum()
        present += np.log10(1 + var_x / 2).sum()
    return shown / present


def luma(images: np.ndarray) -> list[np.ndarray]:
    return [rgb2ycbcr(image)[..., 0] for image in images]


def scored(sr: np.ndarray, hr: np.ndarray, protocol: str = "basicsr") -> np.ndarray:
    return np.asarray(jax.jit(vif, static_argnums=2)(*(np.float32(x) / 255 for x in (sr, hr)), protocol))


def test_vif_equals_the_authors_algorithm(pair):
    sr, hr = pair
    expected = [vifp_mscale(x, y) for x, y in zip(luma(hr), luma(sr), strict=True)]
    np.testing.assert_allclose(scored(sr, hr), expected, atol=2e-4)


def test_vif_equals_sewar(pair):
    np.testing.assert_allclose(scored(*pair), SEWAR, atol=2e-4)


def test_three_channels_are_averaged(pair):
    sr, hr = (images[3:] for images in pair)
    expected = [
        np.mean([vifp_mscale(np.float64(x[..., c]), np.float64(y[..., c])) for c in range(3)])
        for x, y in zip(hr, sr, strict=True)
    ]
    np.testing.assert_allclose(scored(sr, hr, "rgb"), expected, atol=2e-4)


def test_original_is_1_its_flat_mean_is_0_and_more_contrast_is_more_than_1(pair):
    hr = pair[1][2:3] // 2 + 64
    np.testing.assert_allclose(scored(hr, hr), 1, atol=1e-4)
    np.testing.assert_allclose(scored(np.full_like(hr, 128), hr), 0, atol=1e-6)
    assert scored(np.clip(np.round(128 + 1.3 * (hr - 128.0)), 0, 255), hr) > 1.02


def test_flat_original_has_nothing_to_be_shown(pair):
    assert np.isnan(scored(pair[0], np.full_like(pair[1], 90))).all()


def test_broken_image_is_nan_and_its_neighbours_are_not(pair):
    sr, hr = (np.float32(images) / 255 for images in pair)
    sr = sr.copy()
    sr[2, 5, 5, 1] = np.inf
    np.testing.assert_array_equal(np.isnan(vif(sr, hr)), np.arange(6) == 2)


def test_too_small_image_is_refused_in_one_sentence():
    enough = np.random.default_rng(0).random((1, SMALLEST, SMALLEST, 3), np.float32)
    np.testing.assert_allclose(vif(enough, enough), 1, atol=1e-4)
    with pytest.raises(UserError, match=f"needs {SMALLEST}x{SMALLEST}"):
        vif(enough[:, 1:], enough[:, 1:])
