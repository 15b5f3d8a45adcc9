import jax.numpy as jnp
import numpy as np
import pytest
from skimage.color import rgb2ycbcr

from smlnet_jax.config import PROTOCOLS as CONFIG_PROTOCOLS
from smlnet_jax.errors import UserError
from smlnet_jax.metrics import PROTOCOLS, protocols, psnr, ssim


def view(name: str, image: np.ndarray) -> np.ndarray:
    """What a protocol without border measures of a uint8 image, as float64 [b, h, w]."""
    return np.asarray(PROTOCOLS[name].view(image.astype(np.float32) / 255)[..., 0], np.float64)


def test_config_names_every_protocol():
    assert tuple(PROTOCOLS) == CONFIG_PROTOCOLS


def test_float_luma_equals_scikit_image(pair):
    image, _ = pair
    np.testing.assert_allclose(view("basicsr", image), rgb2ycbcr(image)[..., 0], atol=2e-5)


def test_rounded_and_truncated_luma_equal_float64(pair):
    image, _ = pair
    reference = rgb2ycbcr(image)[..., 0]
    decided = np.abs(reference * 2 - np.round(reference * 2)) > 1e-6  # float64, too, errs at n and n + 1/2
    assert decided.mean() > 0.999
    np.testing.assert_array_equal(view("sparnet", image)[decided], np.floor(reference)[decided])
    rounded = np.asarray(PROTOCOLS["sfmnet"].view(image.astype(np.float32) / 255)[..., 0])
    inside = (slice(None), slice(8, -8), slice(8, -8))
    np.testing.assert_array_equal(rounded[decided[inside]], np.round(reference)[inside][decided[inside]])


@pytest.mark.parametrize(("grey", "luma"), [(0, 16), (85, 89), (170, 162), (255, 235)])
def test_whole_luma_survives_truncation(grey, luma):
    """In floating point these may come out a hair below, and truncation then takes a whole level off."""
    image = np.full((1, 16, 16, 3), grey, np.uint8)
    assert np.unique(view("sparnet", image)) == [luma]
    np.testing.assert_allclose(view("basicsr", image), luma, atol=2e-5)


def test_prediction_is_quantised_before_it_is_scored():
    """Half a level of error is no error, and values outside [0, 1] are clipped."""
    hr = jnp.full((1, 32, 32, 3), 100 / 255)
    for name in PROTOCOLS:
        assert np.isinf(psnr(hr + 0.4 / 255, hr, name)).all()
        assert np.isinf(psnr(jnp.full_like(hr, 1.7), jnp.ones_like(hr), name)).all()


@pytest.mark.parametrize("name", PROTOCOLS)
def test_image_that_is_not_finite_scores_nan_and_its_neighbours_do_not(name, pair):
    sr, hr = (image.astype(np.float32) / 255 for image in pair)
    sr = sr.copy()
    sr[1, 20, 20, 2] = np.nan
    sr[3, 0, 0, 0] = np.inf
    for metric in (psnr, ssim):
        np.testing.assert_array_equal(
            np.isnan(metric(sr, hr, name)), [False, True, False, True, False, False]
        )


@pytest.mark.parametrize("name", PROTOCOLS)
def test_too_small_image_is_refused_in_one_sentence(name):
    needed = {"sfmnet": 23}.get(name, 11)
    just_enough = jnp.zeros((1, needed, needed, 3))
    assert ssim(just_enough, just_enough, name) == 1
    with pytest.raises(UserError, match=f"needs {needed}x{needed}"):
        psnr(just_enough[:, 1:], just_enough[:, 1:], name)


def test_unknown_protocol_is_refused():
    with pytest.raises(UserError, match="choose of sfmnet, sparnet, basicsr, rgb"):
        protocols.get("psnr_y")
