import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from smlnet_jax.data.sources import open_source
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation.evaluate import evaluate
from smlnet_jax.figures.faces import luma, methods, read_faces, restore, score


def test_named_faces_come_first_and_curves_see_others_too(folder):
    faces = read_faces(str(folder), size=32, scale=4, names=["3.png", "1.png"], limit=4)
    assert faces.names == ("3.png", "1.png", "0.png", "2.png") and faces.shown == 2
    assert faces.hr.shape == faces.bicubic.shape == (4, 32, 32, 3) and faces.lr.shape == (4, 8, 8, 3)
    np.testing.assert_array_equal(faces.hr[0], np.asarray(Image.open(folder / "3.png")))


def test_blind_lr_of_a_face_is_the_same_whichever_are_shown(folder):
    """And so the one that eval.py scores."""
    first, named = (
        read_faces(str(folder), size=32, scale=4, lr_kernel="blind", names=names) for names in ((), ["2.png"])
    )
    for name in ("0.png", "2.png"):
        lr = [faces.lr[faces.names.index(name)] for faces in (first, named)]
        np.testing.assert_array_equal(*lr)


def test_without_names_the_first_are_shown(folder):
    faces = read_faces(str(folder), size=32, scale=4, images=3, limit=2)
    assert faces.names == ("0.png", "1.png", "2.png") and faces.shown == 3  # what is shown is never cut
    assert read_faces(str(folder), size=32, scale=4, images=50).shown == 5


def test_bicubic_scores_what_the_evaluation_says_it_does(folder):
    faces = read_faces(str(folder), size=32, scale=4)
    found = evaluate(None, None, {"all": open_source(str(folder))}, scale=4, protocols=("sfmnet",))
    expected = found.datasets["all"].bicubic["sfmnet"].psnr
    np.testing.assert_allclose(score(faces.bicubic, faces.hr, "sfmnet"), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"names": ["3.png", "8.png", "x"]}, "has no 8.png, x; give names such as "),
        ({"size": 64}, "0.png of .* is 32x32, and --size=64 needs at least 64x64"),
        ({"scale": 5}, "--scale=5 does not divide --size=32"),
    ],
)
def test_what_cannot_be_shown_is_named(folder, asked, sentence):
    with pytest.raises(UserError, match=sentence):
        read_faces(str(folder), **{"size": 32, "scale": 4, **asked})


def test_network_sees_every_face_whatever_the_batch(folder, brighter, monkeypatch):
    monkeypatch.setattr("smlnet_jax.figures.faces._BATCH", 2)
    faces = read_faces(str(folder), size=32, scale=4)
    restored = restore("brighter", brighter, jnp.float32(0.1), faces)
    assert restored.sr.shape == faces.hr.shape and restored.fre is None
    middle = (faces.bicubic > 20) & (faces.bicubic < 220)
    difference = restored.sr[middle].astype(int) - faces.bicubic[middle]
    assert abs(difference - 25.5).max() < 3  # Pillow rounds twice
    assert list(methods(faces, [restored])) == ["bicubic", "brighter"]


def test_broken_weights_and_a_size_that_does_not_fit_are_refused(folder, brighter, tiny):
    faces = read_faces(str(folder), size=28, scale=4)
    with pytest.raises(UserError, match="brighter gives NaN or infinity"):
        restore("brighter", brighter, jnp.float32(jnp.nan), faces)
    with pytest.raises(UserError, match="tiny takes sizes divisible by 8, not 28"):
        restore("tiny", *tiny, faces)


def test_luma_of_white_is_235():
    np.testing.assert_allclose(luma(np.full((1, 11, 11, 3), 255, np.uint8)), 235, atol=1e-3)
