"""`smlnet data teach`: faces as a network restores them, to train another one on."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from PIL import Image

from smlnet_jax.cli import main
from smlnet_jax.data.degrade import make_lr
from smlnet_jax.data.sources import open_source
from smlnet_jax.evaluation import teach
from smlnet_jax.export.card import Card
from smlnet_jax.models import VARIANTS, Model, Output, SelfEnsemble
from tests.training.bench import generated_faces

CONFIG = dataclasses.replace(VARIANTS["smlnet_test"], branches="spatial")


class Brighter(nnx.Module):
    """A network that adds a number, and another one on the left."""

    def __init__(self, config, *, rngs):
        self.left = nnx.Param(jnp.full((), 0.2))

    def __call__(self, x):
        return Output((x + 0.1).at[:, :, : x.shape[2] // 2].add(self.left[...]))


@pytest.fixture
def faces(tmp_path):
    """Five faces of 32x32, one of them in a subfolder, and one JPEG."""
    folder = tmp_path / "faces"
    (folder / "b").mkdir(parents=True)
    for name, face in zip(
        ("a.png", "b/c.png", "d.jpg", "e.png", "f.png"), generated_faces(5, 32), strict=True
    ):
        Image.fromarray(face // 2 + 64).save(folder / name)
    return folder


@pytest.fixture
def teacher(monkeypatch):
    """Stands in for the weights of the package."""
    model = Model(CONFIG, Brighter)
    params = model.init(jax.random.key(0))
    card = Card("brighter_x4", CONFIG, size=32, scale=4)
    monkeypatch.setattr(teach, "load_pretrained", lambda what: (model, params, card))
    monkeypatch.setattr(teach, "create", lambda config: Model(config, Brighter))
    return card


def test_results_are_other_faces_that_reduce_to_the_same_lr(faces, teacher, tmp_path, capsys):
    assert main(["data", "teach", str(faces), "-o", str(tmp_path / "out"), "--batch-size", "2"]) == 0
    made = open_source(str(tmp_path / "out"))
    assert [made[i].name for i in range(len(made))] == ["a.png", "b/c.png", "d.jpg.png", "e.png", "f.png"]
    source = open_source(str(faces))
    for (_, result), (_, original) in zip(made, source, strict=True):
        assert result.shape == original.shape and np.abs(result.astype(int) - original).max() > 3
        reduced = [make_lr(image, 4).astype(int) for image in (result, original)]
        assert np.abs(reduced[0] - reduced[1]).max() <= 1
    assert "5 faces as brighter_x4 restores them, 0 of them from before" in capsys.readouterr().out


def test_a_share_of_the_originals_stays_in_the_pictures(faces, teacher, tmp_path, capsys):
    for share in ("0", "0.25"):
        assert main(["data", "teach", str(faces), "-o", str(tmp_path / share), "--originals", share]) == 0
    assert "restores them, with 0.25 of the originals, 0 of them" in capsys.readouterr().out
    pictures = (open_source(str(folder)) for folder in (faces, tmp_path / "0", tmp_path / "0.25"))
    for original, result, mixed in zip(*pictures, strict=True):
        between = 0.25 * original.image + 0.75 * result.image
        assert np.abs(mixed.image - between).max() < 1  # results are rounded once more in `between`


def test_it_goes_on_where_it_was_stopped(faces, teacher, tmp_path, capsys):
    out = tmp_path / "out"
    main(["data", "teach", str(faces), "-o", str(out)])
    (out / "e.png").unlink()
    (out / "a.png").write_bytes(b"kept")
    assert main(["data", "teach", str(faces), "-o", str(out)]) == 0
    assert (out / "e.png").is_file() and (out / "a.png").read_bytes() == b"kept"
    assert main(["data", "teach", str(faces), "-o", str(out)]) == 0  # nothing is left to do
    assert "5 faces as brighter_x4 restores them, 5 of them from before" in capsys.readouterr().out


def test_both_views_are_asked_unless_the_network_is_symmetric_by_itself(teacher):
    asked = teach.teacher_of(Model(CONFIG, Brighter), teacher)
    assert isinstance(asked, SelfEnsemble) and asked.config.consistency == 4
    tied = dataclasses.replace(CONFIG, mirror=True)
    assert not isinstance(teach.teacher_of(Model(tied, Brighter), teacher), SelfEnsemble)


@pytest.mark.parametrize(
    ("flags", "card", "sentence"),
    [
        ([], {"lr_kernel": "blind"}, "brighter_x4 was trained on an LR of blind"),
        (["--batch-size", "0"], {}, "--batch-size 0 must be above 0"),
        (["--originals", "1"], {}, "--originals 1 must be a share from 0 up to 1"),
        (["--originals", "nan"], {}, "--originals nan must be a share"),
        (["-o", "file/x"], {}, "cannot write .*start the same command again"),
        (["-o", "faces/taught"], {}, "-o faces/taught lies in faces, .*give a folder elsewhere"),
        (["-o", "faces"], {}, "give a folder elsewhere"),
    ],
)
def test_what_cannot_be_taught_is_refused_in_a_sentence(
    faces, teacher, tmp_path, monkeypatch, capsys, flags, card, sentence
):
    model = Model(CONFIG, Brighter)
    loaded = (model, model.init(jax.random.key(0)), dataclasses.replace(teacher, **card))
    monkeypatch.setattr(teach, "load_pretrained", lambda what: loaded)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert main(["data", "teach", "faces", "-o", "out", *flags]) == 2

    assert re.search(sentence, capsys.readouterr().err)
    assert not (tmp_path / "out").exists()
