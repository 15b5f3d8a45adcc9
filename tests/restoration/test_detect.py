"""Faces are found at every size, in the same place, and nothing that a file may hold breaks the search."""

import itertools
import threading

import numpy as np
import pytest
from PIL import Image
from stand_ins import ASTRONAUT

from smlnet_jax.errors import UserError
from smlnet_jax.restoration import bundled
from smlnet_jax.restoration.detect import (
    OVERLAP,
    TILE,
    TILE_OVERLAP,
    Detection,
    YuNet,
    _cuts,
    _distinct,
    _overlap,
)
from smlnet_jax.restoration.resample import grid_map, transform

FACE_WIDTH = 111  # of the astronaut, in pixels of the photograph


def resized(image, side):
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


def test_astronaut_is_found_where_she_is(yunet, astronaut):
    (face,) = yunet(astronaut)
    assert face.score > 0.9
    assert np.abs(face.landmarks - ASTRONAUT).max() < 0.06 * FACE_WIDTH
    left, top, right, bottom = face.box
    assert left < face.landmarks[:, 0].min() < face.landmarks[:, 0].max() < right
    assert top < face.landmarks[:, 1].min() < face.landmarks[:, 1].max() < bottom


@pytest.mark.parametrize("side", [64, 128, 384, 1100])
def test_landmarks_do_not_depend_on_the_size_of_the_photograph(yunet, astronaut, side):
    reference = yunet(astronaut)[0].landmarks
    (face,) = yunet(resized(astronaut, side))
    found = transform(face.landmarks, grid_map((side, side), (512, 512)))
    error = np.sqrt(((found - reference) ** 2).sum(axis=1).mean()) / FACE_WIDTH
    assert error < (0.045 if side < 100 else 0.03)


def test_the_same_face_moves_with_the_photograph(yunet, astronaut):
    reference = yunet(astronaut)[0]
    moved = np.pad(astronaut, ((100, 0), (37, 0), (0, 0)), mode="edge")
    (face,) = yunet(moved)
    assert np.abs(face.landmarks - reference.landmarks - [37, 100]).max() < 0.03 * FACE_WIDTH


def test_two_faces_are_found_apart(yunet, astronaut):
    half = astronaut[30:230, 130:330]
    faces = yunet(np.concatenate([half, half[:, ::-1]], axis=1))
    assert len(faces) == 2
    assert sorted(int(face.centre[0] // 200) for face in faces) == [0, 1]


def test_small_face_in_a_large_photograph_is_found(yunet, astronaut):
    canvas = np.full((1200, 1600, 3), 128, np.uint8)
    canvas[900:964, 1400:1464] = resized(astronaut[30:230, 130:330], 64)
    (face,) = yunet(canvas)
    assert 1400 < face.centre[0] < 1464
    assert 900 < face.centre[1] < 964


def test_tiny_faces_of_a_large_photograph_are_found_wherever_its_tiles_are_cut(yunet, astronaut):
    canvas = np.full((1700, 3000, 3), 128, np.uint8)
    tiny = resized(astronaut[30:230, 130:330], 46)
    corners = [(30, 40), (30, 1380), (740, 1490), (840, 2900), (930, 1580)]  # of 1400 to 1600 two tiles show
    for top, left in corners:
        canvas[top : top + 46, left : left + 46] = tiny
    found = sorted(yunet(canvas), key=lambda face: tuple(face.centre[::-1] // 100))
    assert len(found) == len(corners)
    for face, (top, left) in zip(found, corners, strict=True):
        assert np.abs(face.centre - [left + 23, top + 23]).max() < 12
    assert len(YuNet(small_faces=False)(canvas)) < len(corners)


@pytest.mark.parametrize("side", [150, 500, 1500])
def test_face_larger_than_what_tiles_share_is_found_once(yunet, astronaut, side):
    canvas = np.full((1700, 3000, 3), 128, np.uint8)
    canvas[100 : 100 + side, 1400 - side // 2 : 1400 - side // 2 + side] = resized(
        astronaut[30:230, 130:330], side
    )
    (face,) = yunet(canvas)
    assert np.abs(face.centre - [1400, 100 + side / 2]).max() < side / 8


@pytest.mark.parametrize("length", [8, 1600, 1601, 3000, 3001, 20_001])
def test_tiles_cover_every_pixel_and_share_what_a_small_face_needs(length):
    cuts = _cuts(length)
    assert cuts[0].start == 0 and cuts[-1].stop == length
    assert all(cut.stop - cut.start <= TILE for cut in cuts)
    assert all(one.stop - other.start >= TILE_OVERLAP - 2 for one, other in itertools.pairwise(cuts))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 7), (8, 8), (7, 300), (20, 3000)])
def test_no_face_in_pictures_too_small_or_thin(yunet, shape):
    rng = np.random.default_rng(1)
    assert yunet(rng.integers(0, 256, (*shape, 3)).astype(np.uint8)) == []


def test_no_face_in_noise(yunet):
    rng = np.random.default_rng(2)
    assert yunet(rng.integers(0, 256, (300, 400, 3)).astype(np.uint8)) == []


def test_threads_share_one_detector(yunet, astronaut):
    pictures = [astronaut, resized(astronaut, 300), resized(astronaut, 200)]
    alone = [yunet(picture)[0].landmarks for picture in pictures]
    together: dict[int, np.ndarray] = {}
    threads = [
        threading.Thread(target=lambda i=i: together.update({i: yunet(pictures[i])[0].landmarks}))
        for i in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, landmarks in enumerate(alone):
        np.testing.assert_array_equal(together[i], landmarks)


def box(left, top, right, bottom, score=0.9):
    return Detection(np.array([left, top, right, bottom], float), np.zeros((5, 2)), score)


def test_of_overlapping_boxes_the_best_is_kept():
    first, second, apart = box(0, 0, 10, 10, 0.8), box(1, 1, 11, 11, 0.9), box(30, 0, 40, 10, 0.7)
    assert _overlap(first.box, second.box) == pytest.approx(81 / 119)
    assert _overlap(first.box, second.box) > OVERLAP
    assert _distinct([first, second, apart]) == [second, apart]


def test_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(bundled.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"smlnet-jax\[restore\]"):
        bundled.onnx_file(bundled.YUNET)
