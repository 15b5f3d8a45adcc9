import io

import numpy as np
from PIL import Image

from smlnet_jax.figures.grid import DPI, MARK, Cell, Row, Scale, cell_side, grid
from smlnet_jax.figures.inset import Inset


def _pixels(figure) -> np.ndarray:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI)
    return np.asarray(Image.open(file).convert("RGB"))


def _noise(size: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)


def _found(sheet: np.ndarray, picture: np.ndarray) -> tuple[int, int]:
    """Top and left of a picture that is in the sheet, pixel for pixel."""
    windows = np.lib.stride_tricks.sliding_window_view(sheet, (1, 8, 3))[:, :, 0, 0]
    places = np.argwhere((windows == picture[0, :8]).all((2, 3)))
    height, width = picture.shape[:2]
    (place,) = [
        (y, x) for y, x in places.tolist() if np.array_equal(sheet[y : y + height, x : x + width], picture)
    ]
    return place


def test_pictures_are_enlarged_pixel_for_pixel_and_stand_in_line():
    small, large = _noise(8, 1), _noise(16, 2)
    rows = [Row([Cell(small, "12.00 dB"), Cell(large)], "a.png"), Row([None, Cell(small)])]
    sheet = _pixels(grid(["LR", "HR"], rows, side=64))
    enlarged = small.repeat(8, 0).repeat(8, 1)
    top, left = _found(sheet[:, :80], enlarged)
    again_top, again_left = _found(sheet[:, 76:], large.repeat(4, 0).repeat(4, 1))
    assert again_top == top and 76 + again_left > left + 64
    below_top, below_left = _found(sheet[top + 64 :], enlarged)
    assert below_left == 76 + again_left and below_top > 0


def test_text_box_and_scale_leave_the_margin_white():
    cell = Cell(_noise(32, 3), "x" * 200, Inset(4, 8, 16))
    scale = Scale("magma", 0, 50, "levels", "max")
    sheet = _pixels(grid(["a title\nof two lines"], [Row([cell], "y" * 200, scale)] * 2, side=64))
    for border in (sheet[:5], sheet[-5:], sheet[:, :8], sheet[:, -5:]):
        assert (border == 255).all()


def test_box_encloses_what_the_inset_cuts_out():
    blue = np.full((32, 32, 3), (0, 0, 255), np.uint8)
    sheet = _pixels(grid(["t"], [Row([Cell(blue, box=Inset(8, 4, 16))])], side=64))
    colour = [int(MARK[i : i + 2], 16) for i in (1, 3, 5)]
    ys, xs = np.nonzero((sheet == colour).all(2))
    top, left = np.argwhere((sheet == (0, 0, 255)).all(2)).min(0)
    assert (xs.min() - left, ys.min() - top) == (16, 8) and (np.ptp(xs) + 1, np.ptp(ys) + 1) == (32, 32)


def test_scale_runs_from_its_low_to_its_high_and_cuts_off_beyond():
    scale = Scale("gray", 10, 20, "x")
    painted = scale.paint(np.array([[0.0, 10.0, 15.0, 20.0, 99.0]]))[0, :, 0]
    np.testing.assert_allclose(painted, [0, 0, 127.5, 255, 255], atol=1)


def test_cells_are_a_multiple_of_the_picture():
    assert [cell_side(size) for size in (16, 32, 128, 200, 512)] == [256, 256, 256, 200, 512]
