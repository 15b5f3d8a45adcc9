"""NIQE against the paper's definition, step by step with SciPy."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import convolve
from scipy.special import gamma
from skimage.data import astronaut

from smlnet_jax.errors import UserError
from smlnet_jax.metrics.niqe import (
    BLOCK,
    FEATURES,
    NaturalModel,
    block_features,
    fit,
    niqe,
    read_natural_model,
    write_natural_model,
)

SHAPES = np.arange(0.2, 10.0005, 0.001)
RATIOS = gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))


def plain_fit(values: np.ndarray) -> tuple[float, float, float]:
    left, right = (np.sqrt(np.mean(side**2)) for side in (values[values < 0], values[values > 0]))
    ratio = left / right
    wanted = np.mean(np.abs(values)) ** 2 / np.mean(values**2)
    wanted *= (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shape = SHAPES[np.argmin((RATIOS - wanted) ** 2)]
    scale = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * scale, right * scale


def plain_statistics(block: np.ndarray) -> list[float]:
    shape, left, right = plain_fit(block)
    found = [shape, (left + right) / 2]
    for down, across in ((0, 1), (1, 0), (1, 1), (1, -1)):
        shape, left, right = plain_fit(block * np.roll(np.roll(block, down, 0), across, 1))
        found += [shape, (right - left) * gamma(2 / shape) / gamma(1 / shape), left, right]
    return found


def plain_features(image: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(image.astype(int), 2, 0)
    y = np.floor((65481 * red + 128553 * green + 24966 * blue) / 255000 + 16.5)
    grid = np.arange(7) - 3
    window = np.exp(-(grid[:, None] ** 2 + grid**2) / (2 * (7 / 6) ** 2))
    window /= window.sum()
    rows, columns = (side // 96 for side in y.shape)
    y, found = y[: 96 * rows, : 96 * columns], []
    for side in (96, 48):
        mean = convolve(y, window, mode="nearest")
        deviation = np.sqrt(np.abs(convolve(y**2, window, mode="nearest") - mean**2))
        normal = (y - mean) / (deviation + 1)
        found.append(
            [
                plain_statistics(normal[i * side : (i + 1) * side, j * side : (j + 1) * side])
                for i in range(rows)
                for j in range(columns)
            ]
        )
        y = halved(halved(y).T).T
    return np.concatenate(found, axis=1)


def halved(rows: np.ndarray) -> np.ndarray:
    """MATLAB's bicubic at 0.5: eight taps, mirrored borders."""
    taps = np.array([-3, -9, 29, 111, 111, 29, -9, -3]) / 256
    padded = np.pad(rows, ((3, 3), (0, 0)), "symmetric")
    return sum(tap * padded[i : i + len(rows) : 2] for i, tap in enumerate(taps))


def photograph(seed: int, height: int = 300, width: int = 400, noise: float = 3) -> np.ndarray:
    """Smooth shapes with edges and grain: 12 whole blocks and some rest."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (18, 24, 3), np.uint8))
    shapes = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float64)
    shapes += 40 * (np.sin(np.arange(width) / 7) > 0)[:, None] + rng.normal(0, noise, shapes.shape)
    return np.clip(shapes, 0, 255).round().astype(np.uint8)


@pytest.fixture(scope="module")
def model() -> NaturalModel:
    return fit(photograph(seed) for seed in range(10))


def test_features_equal_the_papers_definition():
    image = photograph(30)
    found, sharpness = block_features(image)
    assert found.shape == (12, FEATURES) and sharpness.shape == (12,)
    np.testing.assert_allclose(found, plain_features(image), rtol=1e-6, atol=1e-9)


def test_score_equals_the_papers_definition(model):
    image = photograph(31, noise=9)
    found = plain_features(image)
    apart = model.mean - found.mean(0)
    middle = np.linalg.pinv((model.covariance + np.cov(found.T)) / 2)
    assert niqe(model, image) == pytest.approx(np.sqrt(apart @ middle @ apart), rel=1e-6)


UNIT = NaturalModel(np.zeros(FEATURES), np.eye(FEATURES))


def test_score_equals_basicsr_s():
    """`niqe` of BasicSR 1.4.2, in double precision, with the same model; its imresize in NumPy."""
    assert niqe(UNIT, photograph(30)) == pytest.approx(4.319773798088947, rel=1e-9)


def test_score_equals_basicsr_s_where_places_are_flat():
    """BasicSR 1.4.2 as it is, in single precision, of black hair and a black background of one level.

    In double its rounding there falls on one side of 0 or the other, and it says 5e-5 of it less.
    """
    face = np.asarray(Image.fromarray(astronaut()).reduce(2))
    assert niqe(UNIT, face) == pytest.approx(4.831621540041597, rel=1e-7)


def test_shape_of_a_gaussian_is_2_and_of_a_laplacian_1():
    """Of noise itself: the normalisation would change it, so the fit is asked alone."""
    from smlnet_jax.metrics.niqe import _asymmetric_gaussian

    rng = np.random.default_rng(4)
    for values, shape in ((rng.normal(0, 3, (500, 500)), 2), (rng.laplace(0, 3, (500, 500)), 1)):
        found, left, right = _asymmetric_gaussian(values)
        assert found == pytest.approx(shape, abs=0.03)
        scale = np.sqrt(values.var() * gamma(1 / shape) / gamma(3 / shape))
        assert (left, right) == pytest.approx((scale, scale), rel=0.02)


def test_what_is_done_to_a_photograph_raises_its_score(model):
    image = photograph(32)
    picture, file = Image.fromarray(image), io.BytesIO()
    picture.save(file, "JPEG", quality=10)
    blurred = picture.resize((100, 75)).resize(picture.size, Image.Resampling.BICUBIC)
    noisy = np.clip(image + np.random.default_rng(0).normal(0, 25, image.shape), 0, 255).astype(np.uint8)
    pristine = niqe(model, image)
    for harmed in (np.asarray(Image.open(file)), np.asarray(blurred), noisy):
        assert niqe(model, harmed) > 1.5 * pristine


def test_model_of_the_sharp_blocks_only(model):
    """The paper's rule, on blocks whose features and sharpness were compared above."""
    kept = []
    for seed in range(10):
        found, sharpness = block_features(photograph(seed))
        kept.append(found[sharpness > 0.75 * sharpness.max()])
    kept = np.concatenate(kept)
    assert FEATURES < len(kept) < 120
    np.testing.assert_allclose(model.mean, kept.mean(0))
    np.testing.assert_allclose(model.covariance, np.cov(kept.T))


@pytest.mark.parametrize("names", [("mu_pris_param", "cov_pris_param"), ("mu_prisparam", "cov_prisparam")])
def test_models_of_others_are_read_under_their_names(names, model, tmp_path):
    arrays = dict(zip(names, (model.mean[None], model.covariance), strict=True))
    np.savez(tmp_path / "model.npz", **arrays, gaussian_window=np.ones((7, 7)))
    found = read_natural_model(tmp_path / "model.npz")
    np.testing.assert_array_equal(found.mean, model.mean)
    np.testing.assert_array_equal(found.covariance, model.covariance)


def test_model_survives_its_file(model, tmp_path):
    with (tmp_path / "model.npz").open("wb") as file:
        write_natural_model(file, model)
    assert niqe(read_natural_model(tmp_path / "model.npz"), photograph(33)) == niqe(model, photograph(33))


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"mean": np.zeros(36)}, "has no mu_pris_param or mu_prisparam; it holds mean"),
        (
            {"mu_pris_param": np.zeros(35), "cov_pris_param": np.eye(36)},
            r"has the shape \(35,\), not \(36,\)",
        ),
        ({"mu_pris_param": np.zeros(36), "cov_pris_param": np.eye(35)}, r"has the shape \(35, 35\)"),
    ],
)
def test_file_without_a_model_is_explained(arrays, sentence, tmp_path):
    np.savez(tmp_path / "model.npz", **arrays)
    with pytest.raises(UserError, match=sentence):
        read_natural_model(tmp_path / "model.npz")


@pytest.mark.parametrize(
    "image", [photograph(0, 128, 128), np.full((300, 300, 3), 90, np.uint8), photograph(0, 90, 400)]
)
def test_image_with_too_few_blocks_is_refused_in_one_sentence(image, model):
    size = f"{image.shape[1]}x{image.shape[0]}"
    with pytest.raises(
        UserError, match=f"^{size} has fewer than two {BLOCK}x{BLOCK} blocks that show anything"
    ):
        niqe(model, image)


def test_flat_part_of_a_photograph_does_not_count(model):
    image = photograph(34)
    flat = image.copy()
    flat[:110, :110] = 7
    found, _ = block_features(flat)
    assert np.isnan(found[0]).any() and np.isfinite(found[1:]).all()
    assert np.isfinite(niqe(model, flat))


def test_too_few_sharp_blocks_make_no_model():
    with pytest.raises(UserError, match="sharp 96x96 blocks, and the model needs more than 36"):
        fit([photograph(0)])
    with pytest.raises(UserError, match="have 0 sharp"):
        fit([photograph(0, 90, 90)])
