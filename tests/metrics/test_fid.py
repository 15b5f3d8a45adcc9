import functools

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from smlnet_jax.errors import UserError
from smlnet_jax.metrics.fid import Gaussian, Moments, frechet_distance, read_gaussian, write_gaussian


def samples(seed: int, n: int, size: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, (n, size)) @ rng.normal(0, 1, (size, size)) + rng.normal(0, 1, size)


def gaussian_of(features: np.ndarray) -> Gaussian:
    return Gaussian(features.mean(0), np.cov(features, rowvar=False))


def by_sqrtm(one: Gaussian, other: Gaussian) -> float:
    """As the paper writes it: the principal root of the product, which is not symmetric."""
    root = scipy.linalg.sqrtm(one.covariance @ other.covariance)
    apart = one.mean - other.mean
    return float(apart @ apart + np.trace(one.covariance + other.covariance - 2 * root.real))


@pytest.mark.parametrize("seed", range(4))
def test_distance_equals_scipys_matrix_root(seed):
    one, other = (gaussian_of(samples(10 * seed + i, 200)) for i in range(2))
    assert frechet_distance(one, other) == pytest.approx(by_sqrtm(one, other), rel=1e-9)


def test_distance_of_diagonal_gaussians_has_a_closed_form():
    """sum (m1 - m2)^2 + (s1 - s2)^2: each axis by itself."""
    rng = np.random.default_rng(1)
    means, deviations = rng.normal(0, 1, (2, 9)), rng.uniform(0, 3, (2, 9))
    one, other = (Gaussian(m, np.diag(s**2)) for m, s in zip(means, deviations, strict=True))
    expected = ((means[0] - means[1]) ** 2 + (deviations[0] - deviations[1]) ** 2).sum()
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("turned", [False, True])
def test_fewer_images_than_features_are_no_trouble(turned):
    """Flat Gaussians, for which sqrtm is not even defined; two along the same axes have a closed form."""
    rng = np.random.default_rng(2)
    deviations = np.zeros((2, 40))
    deviations[:, :5] = rng.uniform(1, 3, (2, 5))
    axes = np.linalg.qr(rng.normal(0, 1, (40, 40)))[0] if turned else np.eye(40)
    one, other = (Gaussian(np.zeros(40), axes @ np.diag(s**2) @ axes.T) for s in deviations)
    assert frechet_distance(one, other) == pytest.approx(
        ((deviations[0] - deviations[1]) ** 2).sum(), rel=1e-6
    )


def test_a_set_is_at_no_distance_from_itself_and_the_way_back_is_as_long():
    one, other = gaussian_of(samples(5, 100)), gaussian_of(samples(6, 8))
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one), rel=1e-7)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_batches_of_any_size_in_any_order_are_the_whole(sizes, random):
    features = samples(7, sum(sizes)) + 1000  # far from the origin, where sums of squares lose digits
    parts = [Moments.of(part) for part in np.split(features, np.cumsum(sizes)[:-1])]
    random.shuffle(parts)
    merged = functools.reduce(Moments.merge, parts).compute()
    whole = gaussian_of(features)
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(merged.covariance, whole.covariance, rtol=1e-8, atol=1e-8)


def test_statistics_and_features_in_a_file_say_the_same(tmp_path):
    features = samples(8, 30)
    np.savez(tmp_path / "features.npz", features=features.astype(np.float32))
    with (tmp_path / "statistics.npz").open("wb") as file:
        write_gaussian(file, Moments.of(features).compute())
    with np.load(tmp_path / "statistics.npz") as file:
        assert sorted(file.files) == ["mu", "sigma"]  # what pytorch-fid reads
    one, other = (read_gaussian(tmp_path / f"{name}.npz") for name in ("features", "statistics"))
    assert frechet_distance(one, other) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"mean": np.zeros(3)}, "has no mu or features; it holds mean"),
        ({"mu": np.zeros(3)}, "has no sigma"),
        ({"mu": np.zeros(3), "sigma": np.eye(4)}, r"sigma in .* has the shape \(4, 4\), not \(3, 3\)"),
        ({"mu": np.zeros(2), "sigma": np.full((2, 2), np.inf)}, "sigma in .* is not finite"),
        ({"features": np.zeros((2, 3, 4))}, r"features in .* has the shape \(2, 3, 4\)"),
        ({"features": np.zeros((1, 3))}, "a single image has no covariance"),
    ],
)
def test_file_without_statistics_is_explained(arrays, sentence, tmp_path):
    np.savez(tmp_path / "found.npz", **arrays)
    with pytest.raises(UserError, match=sentence):
        read_gaussian(tmp_path / "found.npz")


def test_features_of_two_networks_are_refused():
    with pytest.raises(UserError, match="3 features an image and the other 4"):
        frechet_distance(*(Gaussian(np.zeros(n), np.eye(n)) for n in (3, 4)))
