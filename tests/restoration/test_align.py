"""The canonical crop: the right similarity, the right pixels, the framing of the training faces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from stand_ins import ASTRONAUT

from smlnet_jax.restoration.align import (
    CANONICAL,
    canonical_landmarks,
    crop,
    misfit,
    photo_to_crop,
    similarity,
)
from smlnet_jax.restoration.resample import grid_map, invert, resize, scale_of, transform

SIZE = 128


def turned(points, angle, scale, shift):
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    return points @ np.array([[c, s], [-s, c]]) + shift


@settings(max_examples=50, deadline=None)
@given(
    angle=st.floats(-3.1, 3.1),
    scale=st.floats(0.01, 100),
    shift=st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)),
)
def test_an_exact_similarity_is_recovered(angle, scale, shift):
    target = turned(ASTRONAUT, angle, scale, shift)
    np.testing.assert_allclose(
        transform(ASTRONAUT, similarity(ASTRONAUT, target)), target, atol=1e-6 * (1e3 + scale * 300)
    )


def test_the_similarity_has_the_least_squared_error():
    rng = np.random.default_rng(3)
    target = turned(ASTRONAUT, 0.3, 0.6, (4, 5)) + rng.normal(0, 3, (5, 2))
    best = similarity(ASTRONAUT, target)

    def error(forward):
        return ((transform(ASTRONAUT, forward) - target) ** 2).sum()

    a, b = best[0, 0], best[1, 0]
    for da, db, dx, dy in np.vstack([np.eye(4), -np.eye(4)]) * [1e-3, 1e-3, 0.1, 0.1]:
        other = np.array([[a + da, -(b + db), best[0, 2] + dx], [b + db, a + da, best[1, 2] + dy]])
        assert error(other) > error(best)


def test_a_mirrored_face_is_not_reflected_back():
    forward = similarity(ASTRONAUT * [-1, 1], ASTRONAUT)
    assert np.linalg.det(forward[:, :2]) > 0


def test_landmarks_that_coincide_are_only_shifted():
    forward = similarity(np.full((5, 2), 7.0), canonical_landmarks(SIZE))
    np.testing.assert_allclose(forward[:, :2], np.eye(2))
    assert np.isfinite(forward).all()


def test_eyes_come_to_their_places():
    assert CANONICAL[:2].tolist() == [[0.375, 0.47], [0.625, 0.47]]
    np.testing.assert_allclose(CANONICAL.mean(axis=0)[0], 0.5)  # symmetric
    placed = transform(ASTRONAUT, photo_to_crop(ASTRONAUT, SIZE))
    assert np.abs(placed - canonical_landmarks(SIZE)).max() < 0.03 * SIZE


def test_misfit_is_zero_for_the_canonical_face_and_grows_with_a_turn():
    assert misfit(canonical_landmarks(SIZE), np.eye(2, 3), SIZE) == pytest.approx(0, abs=1e-12)
    profile = canonical_landmarks(SIZE) * [0.4, 1]  # half of a face seen from the side
    assert misfit(profile, photo_to_crop(profile, SIZE), SIZE) > 0.045


def test_integer_crop_is_the_photograph_itself():
    rng = np.random.default_rng(4)
    photo = rng.integers(0, 256, (80, 90, 3)).astype(np.uint8)
    forward = np.array([[1.0, 0, -20], [0, 1, -10]])
    np.testing.assert_allclose(crop(photo, forward, 32), photo[10:42, 20:52] / 255, atol=1e-6)


def test_depth_does_not_change_a_crop():
    rng = np.random.default_rng(5)
    photo = rng.integers(0, 256, (60, 60, 3)).astype(np.uint8)
    forward = similarity(np.array([[10.0, 20], [40, 25]]), np.array([[5.0, 8], [20, 8]]))
    eight = crop(photo, forward, 24)
    np.testing.assert_allclose(crop(photo.astype(np.uint16) * 257, forward, 24), eight, atol=1e-6)
    np.testing.assert_allclose(crop(photo.astype(np.float32) / 255, forward, 24), eight, atol=1e-6)


def test_reduced_crop_is_antialiased():
    """A checkerboard of single pixels must come out grey; sampled without a filter it would be noise."""
    board = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)
    photo = np.repeat(board[..., None], 3, axis=2)
    turn = similarity(np.array([[60.0, 70], [190, 100]]), np.array([[8.0, 10], [24, 10]]))
    assert scale_of(turn) < 0.2
    inner = crop(photo, turn, 32)[8:24, 8:24]
    assert np.abs(inner - 0.5).max() < 0.06


def test_reduced_crop_equals_pillow_on_an_unturned_photograph(astronaut):
    forward = grid_map((512, 512), (64, 64))
    expected = resize(astronaut.astype(np.float32) / 255, 64, 64).clip(0, 1)
    assert np.abs(crop(astronaut, forward, 64) - expected).max() < 2 / 255


@pytest.mark.parametrize("place", [(-40.0, 20.0), (500.0, 250.0), (3000.0, 3000.0)])
def test_face_at_or_beyond_the_border_gives_a_whole_crop(astronaut, place):
    landmarks = canonical_landmarks(60) + place
    image = crop(astronaut, photo_to_crop(landmarks, SIZE), SIZE)
    assert image.shape == (SIZE, SIZE, 3)
    assert np.isfinite(image).all()
    assert image.min() >= 0 and image.max() <= 1


def test_map_into_the_crop_and_back_is_the_identity():
    forward = photo_to_crop(ASTRONAUT, SIZE)
    np.testing.assert_allclose(transform(transform(ASTRONAUT, forward), invert(forward)), ASTRONAUT)


def test_aligned_astronaut_has_her_landmarks_in_the_canonical_places(yunet, astronaut):
    image = crop(astronaut, photo_to_crop(yunet(astronaut)[0].landmarks, SIZE), SIZE)
    (face,) = yunet(np.rint(image * 255).astype(np.uint8))
    offsets = face.landmarks - canonical_landmarks(SIZE)
    assert np.abs(offsets.mean(axis=0)).max() < 2
    assert np.abs(offsets[:2]).max() < 3


def test_training_faces_have_their_landmarks_in_the_canonical_places(yunet, faces):
    """The crop that restoration makes is the crop that the networks were trained on."""
    files = sorted((faces / "congress" / "val").rglob("*.jpg"))[:40]
    found = [yunet(np.asarray(Image.open(file).convert("RGB"))) for file in files]
    landmarks = np.median([seen[0].landmarks for seen in found if seen], axis=0)
    assert np.abs(landmarks - canonical_landmarks(SIZE)).max() < 2
