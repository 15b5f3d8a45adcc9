"""A remark is made where it is due, names the numbers, and is silent otherwise."""

import numpy as np
import pytest

from smlnet_jax.restoration import remarks
from smlnet_jax.restoration.align import canonical_landmarks, photo_to_crop
from smlnet_jax.restoration.consistency import AlignedFace

SIZE = 128
FRONTAL = canonical_landmarks(SIZE)
PROFILE = FRONTAL * [0.4, 1] + [40, 0]


def face(span, resolution):
    return AlignedFace(*(np.zeros((side, side, 3)) for side in (SIZE, 16, resolution)), span)


def test_size_is_remarked_on_below_the_lr_size_and_where_a_face_is_left_alone():
    assert not list(remarks.on_size(face(40, 40), left_alone=False))
    assert "smaller than 16 pixels (its crop spans 12)" in next(
        remarks.on_size(face(12, 12), left_alone=False)
    )
    assert "as sharp as the 128 pixels" in next(remarks.on_size(face(300, SIZE), left_alone=True))


@pytest.mark.parametrize(
    ("landmarks", "wanted"),
    [
        (FRONTAL, []),
        (PROFILE, ["turned away"]),
        (FRONTAL - [60, 0], ["beyond the picture"]),
        (PROFILE + np.array([900, 0]), ["turned away", "beyond the picture"]),
    ],
)
def test_pose_is_remarked_on_when_turned_or_cut(landmarks, wanted):
    found = list(remarks.on_pose(landmarks, photo_to_crop(landmarks, SIZE), (200, 200), SIZE))
    assert len(found) == len(wanted)
    assert all(word in sentence for word, sentence in zip(wanted, found, strict=True))


def test_a_foreign_crop_is_remarked_on_with_its_eyes():
    assert not list(remarks.on_crop(FRONTAL + 3, SIZE, 128))
    (sentence,) = remarks.on_crop(FRONTAL + np.array([0, 12.8]), SIZE, 128)
    assert "(0.38, 0.57)" in sentence and "(0.38, 0.47)" in sentence
    assert not list(remarks.on_crop(FRONTAL + np.array([0, 12.8]), SIZE, 16))  # only guessed


def test_identity_is_remarked_on_only_where_the_person_could_be_known():
    assert list(remarks.on_identity(0.2, face(60, 60)))
    assert not list(remarks.on_identity(0.6, face(60, 60)))
    assert not list(remarks.on_identity(0.2, face(16, 16)))
    assert not list(remarks.on_identity(None, face(60, 60)))


def test_a_photograph_too_coarse_for_its_faces_is_remarked_on_with_the_factor():
    (sentence,) = remarks.on_canvas([32.0, 100.0], SIZE, upscale=1)
    assert "32 pixels" in sentence and "enlarge by 4 (-s)" in sentence
    assert not list(remarks.on_canvas([32.0, 100.0], SIZE, upscale=4))
    assert not list(remarks.on_canvas([], SIZE, upscale=1))
