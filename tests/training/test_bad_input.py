"""What a run says to data and folders it cannot use: one sentence with what, where, and what to do."""

import errno
from pathlib import Path

import chex
import numpy as np
import pytest
from PIL import Image

from smlnet_jax.errors import UserError
from smlnet_jax.training import validation
from smlnet_jax.training.resume import write_config
from tests.training.bench import config_of, generated_faces, run, saved_state

pytestmark = pytest.mark.usefixtures("small_network")


@pytest.fixture
def bad_face(faces_folder, tmp_path):
    """A folder of eight good faces, and a function that puts a ninth beside them."""
    folder = tmp_path / "faces"
    folder.mkdir()
    for path in sorted(faces_folder.iterdir())[:7]:
        (folder / path.name).write_bytes(path.read_bytes())

    def add(data: bytes | np.ndarray) -> Path:
        path = folder / "bad.png"
        path.write_bytes(data) if isinstance(data, bytes) else Image.fromarray(data).save(path)
        return folder

    return add


def test_missing_folder(tmp_path):
    with pytest.raises(UserError, match=r"nowhere is not there; give a folder of face images"):
        run(config_of(tmp_path / "nowhere"), tmp_path / "W")


def test_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty holds no JPEG, PNG or WebP image"):
        run(config_of(tmp_path / "empty"), tmp_path / "W")


def test_no_folder_at_all(tmp_path):
    with pytest.raises(UserError, match=r"give --config.data.train=FOLDER"):
        run(config_of(), tmp_path / "W")


def test_image_that_is_cut_off_is_named(bad_face, tmp_path, faces_folder):
    whole = next(faces_folder.iterdir()).read_bytes()
    with pytest.raises(UserError, match=r"bad\.png"):
        run(config_of(bad_face(whole[: len(whole) // 2])), tmp_path / "W")


def test_file_that_is_no_image_is_named(bad_face, tmp_path):
    with pytest.raises(UserError, match=r"bad\.png"):
        run(config_of(bad_face(b"not an image")), tmp_path / "W")


def test_image_that_is_too_small_is_named_with_its_size(bad_face, tmp_path):
    folder = bad_face(generated_faces(1, size=12)[0])
    with pytest.raises(
        UserError, match=r"bad\.png of .* is 12x12; --config.data.size=16 needs at least 16x16"
    ):
        run(config_of(folder), tmp_path / "W")


def test_bad_image_leaves_the_last_checkpoint_intact(bad_face, faces_folder, tmp_path):
    run(config_of(faces_folder, steps=1), tmp_path / "W")
    before = saved_state(tmp_path / "W", 1)
    with pytest.raises(UserError, match=r"bad\.png"):
        run(config_of(bad_face(b""), steps=4), tmp_path / "W")
    chex.assert_trees_all_equal(saved_state(tmp_path / "W", 1), before)


def test_batch_that_does_not_divide_over_the_devices(faces_folder, tmp_path):
    with pytest.raises(UserError, match=r"train.batch_size=8 does not divide over 3 devices"):
        run(config_of(faces_folder), tmp_path, devices=3)


def test_workdir_that_cannot_be_made(faces_folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write into .*file/W \(Not a directory\)"):
        run(config_of(faces_folder), tmp_path / "file" / "W")


def test_full_disk_under_the_pictures(faces_folder, tmp_path, monkeypatch):
    run(config_of(faces_folder, steps=1), tmp_path)
    before = saved_state(tmp_path, 1)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(validation, "sample_grid", full)
    sentence = r"cannot write .*step_0000002.png \(No space left on device\); free some space"
    with pytest.raises(UserError, match=sentence):
        run(config_of(faces_folder, steps=2), tmp_path)
    monkeypatch.undo()
    chex.assert_trees_all_equal(saved_state(tmp_path, 1), before)
    assert run(config_of(faces_folder, steps=2), tmp_path) == 0  # once there is space


def test_config_that_cannot_be_written(tmp_path):
    (tmp_path / "config.json").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*; free it, or give another --workdir"):
        write_config(config_of(), tmp_path)
