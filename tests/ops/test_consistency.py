"""SR that reduces to exactly the LR it was made of, and never lies further from HR for it."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from smlnet_jax.ops.consistency import consistency_macs, consistent
from smlnet_jax.ops.resize import upsample
from smlnet_jax.restoration.resample import resize


def reduced(images, scale):
    return np.stack([resize(a, a.shape[0] // scale, a.shape[1] // scale) for a in np.asarray(images)])


def faces(seed, batch=1, height=32, width=32):
    return np.random.default_rng(seed).random((batch, height, width, 3), np.float32)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from([2, 4, 8, 16]), st.integers(0, 2**31))
def test_pillow_reduces_the_result_to_the_lr_that_x_was_made_of(scale, seed):
    hr, sr = faces(seed, 2), faces(seed + 1, 2)
    lr = reduced(hr, scale)
    result = consistent(sr, upsample(lr, 32), scale)
    np.testing.assert_allclose(reduced(result, scale), lr, atol=2e-6)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from([2, 4, 8]), st.integers(0, 2**31))
def test_result_is_nearer_to_hr_than_sr_by_just_what_was_moved(scale, seed):
    hr, sr = faces(seed), faces(seed + 1)
    result = np.asarray(consistent(sr, upsample(reduced(hr, scale), 32), scale))
    before, after, moved = (float(np.square(d).sum()) for d in (sr - hr, result - hr, result - sr))
    assert moved > 0
    assert after + moved == pytest.approx(before, rel=1e-4)  # Pythagoras: the step is a projection


def test_other_shapes_than_squares_and_a_result_that_is_consistent_already():
    hr = faces(3, 1, 32, 48)
    x = upsample_to(reduced(hr, 8), 32, 48)
    result = consistent(faces(4, 1, 32, 48), x, 8)
    np.testing.assert_allclose(consistent(result, x, 8), result, atol=1e-6)
    np.testing.assert_allclose(consistent(hr, x, 8), hr, atol=1e-5)


def upsample_to(lr, height, width):
    return np.stack([resize(a, height, width) for a in lr])


def test_macs_are_those_of_the_six_matrix_products():
    # 16x128 by 128x128 and by 128x16, three times, for three colours; spreading is the same, backwards
    assert consistency_macs(128, 128, 8) == 3 * 3 * (16 * 128 * 128 + 16 * 128 * 16)
