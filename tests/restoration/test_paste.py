"""A restored face comes back to its place, and nobody sees where it was put in."""

import numpy as np
import pytest
from PIL import Image
from stand_ins import ASTRONAUT

from smlnet_jax.restoration.align import crop, photo_to_crop
from smlnet_jax.restoration.paste import enlarge, paste, region, soft_mask
from smlnet_jax.restoration.resample import compose, grid_map, invert, resize, transform

SIZE = 128


@pytest.fixture
def photo(astronaut):
    return astronaut.astype(np.float32) / 255


@pytest.fixture
def to_photo():
    return invert(photo_to_crop(ASTRONAUT, SIZE))


def mask_of(canvas, to_canvas):
    whole = slice(0, canvas.shape[0]), slice(0, canvas.shape[1])
    return soft_mask(*whole, SIZE, to_canvas)


def test_nothing_changed_leaves_every_bit(photo, to_photo):
    before = crop(photo, invert(to_photo), SIZE)
    pasted = photo.copy()
    paste(pasted, before, before, to_photo)
    np.testing.assert_array_equal(pasted, photo)


def test_the_background_keeps_every_bit(photo, to_photo):
    before = crop(photo, invert(to_photo), SIZE)
    pasted = photo.copy()
    paste(pasted, before, np.zeros_like(before), to_photo)
    outside = mask_of(photo, to_photo) == 0
    np.testing.assert_array_equal(pasted[outside], photo[outside])
    assert 0.5 < outside.mean() < 0.95


def test_a_uniform_change_arrives_as_the_mask(to_photo):
    canvas = np.full((512, 512, 3), 0.5, np.float32)
    before = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    paste(canvas, before, before + 0.25, to_photo)
    np.testing.assert_allclose(canvas[..., 0], 0.5 + 0.25 * mask_of(canvas, to_photo), atol=1e-5)


def test_the_mask_covers_the_face_and_ends_inside_the_crop_without_a_step(to_photo):
    mask = mask_of(np.zeros((512, 512)), to_photo)
    for x, y in ASTRONAUT.round().astype(int):
        assert mask[y, x] == 1
    corners = transform(np.array([[0, 0], [127, 0], [0, 127], [127, 127]], float), to_photo)
    for x, y in corners.round().astype(int):
        assert mask[max(y, 0), x] == 0
    steps = np.abs(np.diff(mask, axis=0)).max(), np.abs(np.diff(mask, axis=1)).max()
    assert max(steps) < 0.08


def test_detail_of_the_network_arrives_where_it_belongs(photo, to_photo):
    """A dot drawn into the crop must appear at the place in the photograph that the crop shows there."""
    before = np.full((SIZE, SIZE, 3), 0.2, np.float32)
    after = before.copy()
    after[59:62, 47:50] = 1  # around (48, 60), the left eye
    canvas = np.full_like(photo, 0.2)
    paste(canvas, before, after, to_photo)
    weights = np.maximum(canvas[..., 0] - 0.2, 0)
    y, x = (float((axis * weights).sum() / weights.sum()) for axis in np.indices(weights.shape))
    np.testing.assert_allclose([x, y], transform(np.array([[48.0, 60.0]]), to_photo)[0], atol=0.1)


def test_change_is_antialiased_on_a_coarse_photograph():
    """Stripes of one pixel, pasted at a quarter of their size, must fade to their mean."""
    before = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    after = before.copy()
    after[:, ::2] += 0.4
    after[:, 1::2] -= 0.4
    canvas = np.full((32, 32, 3), 0.5, np.float32)
    paste(canvas, before, after, grid_map((SIZE, SIZE), (32, 32)))
    assert np.abs(canvas - 0.5).max() < 0.01


@pytest.mark.parametrize("shift", [(-60.0, -40.0), (480.0, 470.0), (5000.0, 0.0)])
def test_a_face_at_the_border_changes_only_what_is_there(photo, shift):
    to_canvas = np.array([[1.0, 0, shift[0]], [0, 1, shift[1]]])
    before = np.zeros((SIZE, SIZE, 3), np.float32)
    pasted = photo.copy()
    paste(pasted, before, before + 0.1, to_canvas)
    changed = (pasted != photo).any(axis=2)
    np.testing.assert_array_equal(changed & (mask_of(photo, to_canvas) == 0), False)
    assert changed.any() == (shift[0] < 1000)
    assert np.isfinite(pasted).all()


def test_where_faces_meet_the_first_is_on_top(to_photo):
    beside = to_photo + np.array([[0, 0, 30], [0, 0, 0]])
    canvas = np.full((512, 512, 3), 0.5, np.float32)
    before, free = np.full((SIZE, SIZE, 3), 0.5, np.float32), np.ones((512, 512), np.float32)
    paste(canvas, before, before + 0.2, to_photo, free)
    paste(canvas, before, before - 0.2, beside, free)
    first, second = mask_of(canvas, to_photo), mask_of(canvas, beside)
    expected = 0.5 + 0.2 * first - 0.2 * second * (1 - first)
    np.testing.assert_allclose(canvas[..., 0], expected, atol=1e-5)
    np.testing.assert_allclose(free, (1 - first) * (1 - second), atol=1e-5)


def test_result_stays_in_range(photo, to_photo):
    before = crop(photo, invert(to_photo), SIZE)
    paste(photo, before, before + 2, to_photo)
    assert photo.max() <= 1
    paste(photo, before, before - 4, to_photo)
    assert photo.min() >= 0


def test_region_is_the_part_of_the_canvas_under_the_crop():
    assert region((100, 200), 16, np.array([[1.0, 0, 10], [0, 1, 20]])) == (slice(19, 37), slice(9, 27))
    assert region((100, 200), 16, np.array([[1.0, 0, -8], [0, 1, 90]])) == (slice(89, 100), slice(0, 9))
    assert region((100, 200), 16, np.array([[1.0, 0, 300], [0, 1, 0]])) is None


def test_enlarged_background_equals_pillow(astronaut):
    small = astronaut[100:140, 200:250] // 2 + 64  # no overshoot to be clipped
    expected = Image.fromarray(small).resize((125, 100), Image.Resampling.LANCZOS)
    found = enlarge(small.astype(np.float32) / 255, 2.5)
    assert np.abs(found - np.asarray(expected) / 255).max() < 1.5 / 255  # Pillow rounds twice


def test_a_crop_pasted_into_an_enlarged_photograph_restores_it(photo):
    """The whole way there and back: the photograph, reduced, and a perfect network."""
    small = resize(photo, 128, 128).clip(0, 1)
    to_crop = photo_to_crop((ASTRONAUT + 0.5) / 4 - 0.5, SIZE)
    canvas = enlarge(small, 4)
    to_canvas = compose(grid_map((128, 128), (512, 512)), invert(to_crop))
    before, truth = crop(small, to_crop, SIZE), crop(photo, invert(to_canvas), SIZE)
    box = np.s_[90:160, 185:260]  # eyes to mouth
    blurred = np.square(canvas[box] - photo[box]).mean()
    paste(canvas, before, truth, to_canvas)
    restored = np.square(canvas[box] - photo[box]).mean()
    assert restored < blurred / 4
