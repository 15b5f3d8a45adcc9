import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smlnet_jax.metrics import band_floor, band_psnr, psnr
from smlnet_jax.metrics.bands import EDGES, band_names


def mse(decibels) -> np.ndarray:
    return 255**2 / 10 ** (np.asarray(decibels, np.float64) / 10)


def unit(*images: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(np.float32(image) / 255 for image in images)


@pytest.mark.parametrize("protocol", ["sfmnet", "sparnet", "basicsr", "rgb"])
def test_bands_add_up_to_the_plain_error(protocol, pair):
    """Parseval: nothing is lost and nothing counted twice, so all bands together are PSNR."""
    sr, hr = unit(*pair)
    bands = jax.jit(band_psnr, static_argnums=2)(sr, hr, protocol)
    assert bands.shape == (6, len(EDGES) + 1)
    np.testing.assert_allclose(mse(bands).sum(1), mse(psnr(sr, hr, protocol)), rtol=2e-5)


def test_bands_equal_a_transform_written_out(pair):
    """The DFT as two matrix products, in double precision, and frequency by frequency."""
    sr, hr = (images[4, :20, :26] for images in pair)
    error = sr.astype(float) - hr
    down, across = (np.exp(-2j * np.pi * np.outer(*[np.arange(n)] * 2) / n) for n in error.shape[:2])
    power = np.abs(np.einsum("uh,hwc,wv->uvc", down, error, across)) ** 2 / error[..., 0].size
    expected = np.zeros(len(EDGES) + 1)
    for u in range(20):
        for v in range(26):
            cycles = np.hypot(min(u, 20 - u) / 20, min(v, 26 - v) / 26)
            expected[sum(cycles >= edge for edge in EDGES)] += power[u, v].mean() / error[..., 0].size
    np.testing.assert_allclose(mse(band_psnr(*unit(sr[None], hr[None]), "rgb")[0]), expected, rtol=2e-5)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0.01, 0.7), min_size=1, max_size=4, unique=True), st.integers(0, 2**32 - 1))
def test_bands_add_up_wherever_they_are_parted(edges, seed):
    sr, hr = unit(*np.random.default_rng(seed).integers(0, 256, (2, 1, 24, 31, 3)))
    bands = mse(band_psnr(sr, hr, "rgb", tuple(sorted(edges))))
    np.testing.assert_allclose(bands.sum(), mse(psnr(sr, hr, "rgb")).item(), rtol=2e-5)


@pytest.mark.parametrize(
    ("cycles", "band"), [(0, 0), (2, 0), (4, 1), (7, 1), (8, 2), (16, 3), (32, 4), (64, 4)]
)
def test_wave_falls_into_the_band_of_its_frequency(cycles, band):
    """`cycles` in 128 pixels; an edge belongs to the band above it."""
    wave = np.round(40 * np.cos(2 * np.pi * cycles * np.arange(128) / 128))
    hr = np.full((1, 128, 128, 3), 128)
    sr = hr + wave[:, None, None].astype(int)
    found = mse(band_psnr(*unit(sr, hr), "rgb"))[0]
    assert found[band] == pytest.approx((wave**2).mean(), rel=1e-2)
    assert found[band] / found.sum() > 0.999


def test_diagonal_wave_is_of_higher_frequency_than_its_rows():
    """12 cycles down and 12 across 128 pixels are 17 along the diagonal: past 1/8."""
    phase = 2 * np.pi * 12 * np.arange(128) / 128
    wave = np.round(40 * np.cos(phase[:, None] + phase)).astype(int)[None, ..., None]
    hr = np.full((1, 128, 128, 3), 128)
    assert np.argmin(band_psnr(*unit(hr + wave, hr), "rgb")) == 3


def test_floor_is_what_a_flat_picture_scores(pair):
    _, hr = unit(*pair)
    view_mean = np.round(pair[1].mean((1, 2), keepdims=True))
    flat = np.broadcast_to(view_mean, pair[1].shape)
    np.testing.assert_allclose(
        band_floor(hr, "rgb")[:, 1:], band_psnr(*unit(flat), hr, "rgb")[:, 1:], rtol=1e-4
    )


def test_band_that_holds_the_mean_alone_has_no_floor(pair):
    assert np.isinf(band_floor(unit(*pair)[1][:, :28, :28])[:, 0]).all()


def test_blur_loses_the_high_bands_down_to_their_floor(pair):
    sr, hr = unit(*(images[3:5] for images in pair))
    above = np.asarray(band_psnr(sr, hr) - band_floor(hr))
    assert (above[:, 0] > 15).all() and (above[:, -1] < 1).all()


def test_no_difference_is_infinite_and_a_broken_image_nan(pair):
    sr, hr = unit(*pair)
    assert np.isinf(band_psnr(hr, hr)).all()
    sr = sr.copy()
    sr[4, 0, 0, 0] = np.nan
    np.testing.assert_array_equal(np.isnan(band_psnr(sr, hr)).all(1), np.arange(6) == 4)


def test_bands_are_named_by_their_edges():
    assert band_names() == ("< 1/32", "< 1/16", "< 1/8", "< 1/4", ">= 1/4")
