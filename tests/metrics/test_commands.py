"""python -m smlnet_jax.metrics: the commands that prepare what `smlnet score` takes."""

import numpy as np
import pytest
from PIL import Image

from smlnet_jax.metrics import __main__ as door
from smlnet_jax.metrics.fid import Moments, frechet_distance
from smlnet_jax.metrics.niqe import block_features, read_natural_model


@pytest.fixture
def images(tmp_path, monkeypatch) -> list[np.ndarray]:
    """Three files in photographs/."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photographs").mkdir()
    found = list(np.random.default_rng(1).integers(0, 256, (3, 400, 420, 3), np.uint8))
    for i, image in enumerate(found):
        Image.fromarray(image).save(tmp_path / "photographs" / f"{i}.png")
    return found


def test_niqe_is_fitted_to_a_folder(images, tmp_path, capsys):
    assert door.main(["fit-niqe", "photographs", "-o", "model.npz"]) == 0
    blocks = np.concatenate([block_features(image)[0] for image in images])  # noise is sharp everywhere
    np.testing.assert_allclose(read_natural_model(tmp_path / "model.npz").mean, blocks.mean(0))
    assert "written: model.npz" in capsys.readouterr().out


def test_fid_of_statistics_and_features_of_files(images, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(door, "Inception", lambda path: lambda batch: batch.mean((1, 2)))
    assert door.main(["fid-statistics", "net.onnx", "photographs", "-o", "made/stats.npz"]) == 0
    assert "of 3 images" in capsys.readouterr().out
    others = np.random.default_rng(2).normal(120, 9, (5, 3))
    np.savez(tmp_path / "others.npz", features=others)
    assert door.main(["fid", "made/stats.npz", "others.npz"]) == 0
    means = np.stack([image.mean((0, 1)) for image in images])
    expected = frechet_distance(*(Moments.of(features).compute() for features in (means, others)))
    assert capsys.readouterr().out == f"FID {expected:.3f}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fit-niqe", "nowhere", "-o", "model.npz"], "nowhere is not there"),
        (["fit-niqe", "photographs", "-o", "made.npz"], "made.npz: cannot be written (Is a directory)"),
        (["fit-niqe", "photographs", "-o", "photo.png"], "-o photo.png must end in .npz"),
        (["fid", "one.npz", "other.npz"], "one.npz cannot be read"),
        (["fid-statistics", "net.onnx", "photographs", "-o", "stats.npz"], "net.onnx is not there"),
    ],
)
def test_what_is_missing_is_named(arguments, sentence, images, tmp_path, capsys):
    (tmp_path / "made.npz").mkdir()
    assert door.main(arguments) == 2
    assert sentence in capsys.readouterr().err
