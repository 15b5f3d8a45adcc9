import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from smlnet_jax.errors import UserError
from smlnet_jax.evaluation.bootstrap import Difference, paired_difference

scores = st.lists(
    st.tuples(st.floats(10, 50, width=32), st.floats(10, 50, width=32)), min_size=2, max_size=30
).map(lambda pairs: tuple(np.array(pairs, np.float64).T))


def small(first, second, seed=0) -> Difference:
    return paired_difference(first, second, resamples=400, seed=seed)


@pytest.mark.parametrize("draw", ["normal", "exponential"])
def test_interval_holds_the_truth_as_often_as_it_says(draw):
    """400 experiments of 60 images: 95 % of the intervals, give or take chance and the skew."""
    rng = np.random.default_rng(5)
    truth = {"normal": 0.1, "exponential": 0.3}[draw]
    held = 0
    for _ in range(400):
        noise = {
            "normal": lambda: rng.normal(0.1, 0.5, 60),
            "exponential": lambda: rng.exponential(0.3, 60),
        }[draw]()
        image = rng.normal(27, 3, 60)  # how hard an image is, shared by both methods
        found = paired_difference(image + noise, image, resamples=1_000, seed=int(rng.integers(2**31)))
        held += found.low <= truth <= found.high
    assert 0.90 <= held / 400 <= 0.98


def test_interval_is_that_of_scipy():
    rng = np.random.default_rng(1)
    first, second = rng.normal(27, 3, (2, 80))
    reference = stats.bootstrap(
        (first - second,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(2)
    ).confidence_interval
    found = paired_difference(first, second, resamples=20_000)
    assert found.mean == pytest.approx(first.mean() - second.mean())
    np.testing.assert_allclose([found.low, found.high], reference, atol=0.04)


def test_pairing_finds_what_the_spread_of_images_hides():
    """0.05 dB on every image is certain, though images differ by 3 dB."""
    rng = np.random.default_rng(0)
    image = rng.normal(27, 3, 100)
    found = small(image + 0.05 + rng.normal(0, 0.05, 100), image)
    assert found.is_distinguishable and 0 < found.low < 0.05 < found.high


@settings(max_examples=40, deadline=None)
@given(scores, st.integers(0, 1000))
def test_exchanged_methods_have_the_negative_interval(pair, seed):
    there, back = small(*pair, seed), small(*pair[::-1], seed)
    np.testing.assert_allclose(
        [there.mean, there.low, there.high], [-back.mean, -back.high, -back.low], atol=1e-9
    )
    assert there.is_distinguishable == back.is_distinguishable or min(abs(there.low), abs(there.high)) < 1e-9


@settings(max_examples=40, deadline=None)
@given(scores, st.floats(-5, 5))
def test_interval_lies_within_the_differences_and_moves_with_them(pair, shift):
    first, second = pair
    found, moved = small(first, second), small(first + shift, second)
    differences = first - second
    assert differences.min() - 1e-9 <= found.low <= found.high <= differences.max() + 1e-9
    np.testing.assert_allclose(moved[:3], np.array(found[:3]) + shift, atol=1e-9)


def test_same_difference_on_every_image_has_no_width():
    image = np.linspace(20, 30, 50)
    found = small(image + 0.25, image)
    np.testing.assert_allclose(found[:3], 0.25)
    assert small(image, image).is_distinguishable is False


def test_draws_depend_on_the_seed_and_on_nothing_else(monkeypatch):
    first, second = np.random.default_rng(3).normal(27, 1, (2, 40))
    assert small(first, second, 7) == small(first, second, 7)
    assert small(first, second, 7) != small(first, second, 8)
    monkeypatch.setattr("smlnet_jax.evaluation.bootstrap._DRAWN_AT_ONCE", 1_000)
    np.testing.assert_allclose(small(first, second, 7)[:3], small(first, second, 7)[:3])


def test_what_has_no_mean_difference_is_refused():
    with pytest.raises(UserError, match="score at least two"):
        small(np.array([1.0]), np.array([2.0]))
    with pytest.raises(UserError, match="score 2 of 3 is not finite"):
        small(np.array([1.0, np.inf, 2.0]), np.array([1.0, 1.0, np.nan]))
