"""LR against references that are not this code: Pillow itself, weights worked out by hand, block means."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from smlnet_jax.config import LR_KERNELS, SCALES
from smlnet_jax.data.degrade import Blind, make_lr
from smlnet_jax.data.sources import open_source
from smlnet_jax.ops.resize import matlab_bicubic

SCALE = st.sampled_from(SCALES)
BLOCKS = st.integers(1, 6)


def _random(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@given(rows=BLOCKS, columns=BLOCKS, scale=SCALE, kernel=st.sampled_from(LR_KERNELS), seed=st.integers(0, 9))
def test_every_kernel_gives_bytes_of_the_divided_shape(rows, columns, scale, kernel, seed):
    hr = _random(rows * scale, columns * scale, seed)
    before = hr.copy()
    lr = make_lr(hr, scale, kernel, np.random.default_rng(seed))
    assert lr.shape == (rows, columns, 3) and lr.dtype == np.uint8
    assert np.array_equal(hr, before)


@given(rows=BLOCKS, columns=BLOCKS, scale=SCALE, seed=st.integers(0, 99))
def test_pil_bicubic_is_pillows(rows, columns, scale, seed):
    hr = _random(rows * scale, columns * scale, seed)
    expected = Image.fromarray(hr).resize((columns, rows), Image.Resampling.BICUBIC)
    assert np.array_equal(make_lr(hr, scale, "pil_bicubic"), np.asarray(expected))


@given(rows=BLOCKS, columns=BLOCKS, scale=SCALE, seed=st.integers(0, 99))
def test_area_is_the_mean_of_each_block(rows, columns, scale, seed):
    hr = _random(rows * scale, columns * scale, seed)
    mean = hr.reshape(rows, scale, columns, scale, 3).mean((1, 3))
    assert np.abs(make_lr(hr, scale, "area") - mean).max() <= 1  # Pillow rounds after each of two passes

    stripes = np.repeat(hr[:, :1], columns * scale, 1)  # across, so that only one pass has anything to round
    mean = stripes.reshape(rows, scale, columns, scale, 3).mean((1, 3))
    assert np.abs(make_lr(stripes, scale, "area") - mean).max() <= 0.5


# Keys' kernel (a = -0.5), stretched to twice its width, at the distances of 0.5, 1.5, 2.5 and 3.5 pixels at
# which an output pixel of half the size lies from its neighbours: 0.5 * k(0.25), 0.5 * k(0.75), ...
HALVING = [0.43359375, 0.11328125, -0.03515625, -0.01171875]


def _impulses(length: int) -> np.ndarray:
    """Row i has 200 at column i and 100 elsewhere."""
    return np.full((length, length, 1), 100, np.uint8) + 100 * np.eye(length, dtype=np.uint8)[..., None]


def test_matlab_weights_inside_are_the_published_ones():
    out = matlab_bicubic(_impulses(16), 16, 8)[..., 0]
    reads = HALVING[::-1] + HALVING
    expected = np.floor(100 + 100 * np.array(reads) + 0.5)
    assert out[5:13, 4].tolist() == expected.tolist()  # output 4 lies between inputs 8 and 9
    assert set(out[:5, 4]) | set(out[13:, 4]) == {100}


def test_matlab_border_reads_the_mirror_image():
    a, b, c, d = HALVING
    expected = [
        a + b,
        a + c,
        b + d,
        c,
        d,
    ]  # output 0 lies between inputs 0 and 1; -1, -2, -3 are 0, 1, 2 again
    out = matlab_bicubic(_impulses(16), 16, 8)[..., 0]
    assert out[:5, 0].tolist() == np.floor(100 + 100 * np.array(expected) + 0.5).tolist()


@given(rows=BLOCKS, columns=BLOCKS, scale=SCALE, level=st.integers(0, 255))
def test_constant_stays_constant(rows, columns, scale, level):
    hr = np.full((rows * scale, columns * scale, 3), level, np.uint8)
    for kernel in ("pil_bicubic", "matlab_bicubic", "area"):
        assert (make_lr(hr, scale, kernel) == level).all()


@pytest.mark.parametrize("scale", SCALES)
def test_matlab_and_pillow_differ_along_the_border_only(faces128, scale):
    for hr, is_noise in ((open_source(str(faces128))[0].image, False), (_random(128, 128), True)):
        pillow = make_lr(hr, scale, "pil_bicubic").astype(int)
        difference = np.abs(make_lr(hr, scale, "matlab_bicubic") - pillow)
        inside = difference[2:-2, 2:-2]  # there the order of the passes may cost a few roundings and clips
        assert inside.max() <= 4 and (inside > 1).mean() < 0.005
        assert not is_noise or difference.max() > 2


def test_matlab_is_the_same_for_rows_and_columns():
    hr = _random(24, 24)
    turned = matlab_bicubic(hr.transpose(1, 0, 2), 6, 24)
    assert np.array_equal(turned.transpose(1, 0, 2), matlab_bicubic(hr, 24, 6))


@pytest.mark.parametrize("scale", SCALES)
def test_blind_depends_on_its_seed_alone(faces128, scale):
    hr = open_source(str(faces128))[0].image
    draw = [make_lr(hr, scale, "blind", np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(draw[0], draw[1])
    assert not np.array_equal(draw[0], draw[2])
    assert np.array_equal(make_lr(hr, scale, "blind"), make_lr(hr, scale, "blind"))


def test_blind_draws_within_its_ranges_and_all_over_them(monkeypatch):
    blurs, qualities, noises = [], [], []
    blur, save = ImageFilter.GaussianBlur.__init__, Image.Image.save

    def watch_blur(self, radius):
        blurs.append(radius)
        blur(self, radius)

    def watch_save(self, *args, quality, **options):
        qualities.append(quality)
        noises.append(np.std(np.asarray(self) / 255))
        save(self, *args, quality=quality, **options)

    monkeypatch.setattr(ImageFilter.GaussianBlur, "__init__", watch_blur)
    monkeypatch.setattr(Image.Image, "save", watch_save)
    ranges = Blind(blur=(0.5, 1.5), noise=(0.02, 0.05), jpeg=(60, 70))
    grey = np.full((64, 64, 3), 128, np.uint8)
    for seed in range(200):
        make_lr(grey, 2, "blind", np.random.default_rng(seed), ranges)

    assert 0.5 <= min(blurs) < 0.55 and 1.45 < max(blurs) <= 1.5
    assert set(qualities) == set(range(60, 71))
    assert 0.018 < min(noises) < 0.023 and 0.047 < max(noises) < 0.053  # of 3,072 samples


def test_blind_without_blur_noise_and_jpeg_is_a_resize(faces128):
    hr = open_source(str(faces128))[0].image
    mild = Blind(blur=(0, 0), noise=(0, 0), jpeg=(100, 100))
    lr = make_lr(hr, 4, "blind", np.random.default_rng(0), mild).astype(int)
    assert np.abs(lr - make_lr(hr, 4, "area")).mean() < 8  # JPEG still halves the colours
