import numpy as np
import pytest
from PIL import Image

from smlnet_jax.evaluation.figures import sample_grid


def flat(colour, side, rows=2):
    return np.broadcast_to(np.array(colour, np.uint8), (rows, side, side, 3))


@pytest.fixture
def columns():
    return {"LR": flat((255, 0, 0), 4), "I_spa": flat((0, 255, 0), 32), "HR": flat((0, 0, 255), 32)}


def columns_and_rows(sheet: np.ndarray, colour) -> tuple[np.ndarray, np.ndarray]:
    where = (sheet == colour).all(2)
    return np.flatnonzero(where.any(0)), np.flatnonzero(where.any(1))


def test_columns_stand_left_to_right_and_lr_is_enlarged(columns, tmp_path):
    sample_grid(columns, tmp_path / "new" / "grid.png", names=["a.png", "b.png"])
    sheet = np.asarray(Image.open(tmp_path / "new" / "grid.png").convert("RGB"))
    spans = [columns_and_rows(sheet, colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    for across, down in spans:
        assert len(across) == 32 and len(down) == 64  # two rows of 32, LR repeated 8 times
    assert spans[0][0].max() < spans[1][0].min() and spans[1][0].max() < spans[2][0].min()


def test_titles_and_names_are_written(columns, tmp_path):
    def ink(names):
        sample_grid(columns, tmp_path / "grid.png", names)
        return np.asarray(Image.open(tmp_path / "grid.png").convert("L")) < 200

    bare, named = ink([]), ink(["a.png", "b.png"])
    assert bare[:16].any()
    assert named.shape[0] == bare.shape[0] + 2 * 16
    below_first_row = named[16 + 4 + 32 : 16 + 4 + 32 + 16]
    assert below_first_row.any()


def test_sheet_is_as_wide_as_its_longest_name(columns, tmp_path):
    sample_grid(columns, tmp_path / "short.png", ["a.png", "b.png"])
    sample_grid(
        columns, tmp_path / "long.png", ["a.png", "a name of fifty letters, and a score that counts 26 dB"]
    )
    short, long = (Image.open(tmp_path / name).width for name in ("short.png", "long.png"))
    assert short == 4 + 3 * 36 and long > 250


def test_float_pictures_are_clipped_and_rounded(tmp_path):
    values = np.array([-0.5, 0.5, 2.0, np.nan], np.float32).reshape(1, 2, 2, 1) * np.ones(3, np.float32)
    sample_grid({"x": values}, tmp_path / "x.png")
    found = np.asarray(Image.open(tmp_path / "x.png"))[20:22, 4:6, 0]
    np.testing.assert_array_equal(found, [[0, 128], [255, 0]])
