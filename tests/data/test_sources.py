"""Folders of images and what can be wrong with them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from smlnet_jax.data.astronaut import beside_the_face, faces
from smlnet_jax.data.sources import centre_square, open_source
from smlnet_jax.errors import UserError


def test_folder_is_read_in_the_order_of_names_with_subfolders(tmp_path, write_face):
    names = ["b.png", "a/é face.jpg", "a/z.WEBP", "ß ü/1.JPEG", "ß ü/deep/0.png"]
    for seed, name in enumerate(names):
        write_face(tmp_path / name, 16, seed=seed)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "._a.jpg").write_bytes(b"left behind by a Mac")
    (tmp_path / "folder.png").mkdir()
    write_face(tmp_path / ".ipynb_checkpoints" / "b-checkpoint.png", 16)

    source = open_source(str(tmp_path))

    assert [source[i].name for i in range(len(source))] == sorted(names)
    assert all(source[i].image.shape == (16, 16, 3) for i in range(5))
    assert "5 images" in source.description


@given(height=st.integers(8, 40), width=st.integers(8, 40), size=st.integers(1, 8))
def test_centre_square_is_pillows_crop_and_bicubic(height, width, size):
    image = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    crop = Image.fromarray(image).crop((left, top, left + side, top + side))
    expected = np.asarray(crop.resize((size, size), Image.Resampling.BICUBIC))
    assert np.array_equal(centre_square(image, size), expected)


def test_sized_source_leaves_faces_of_that_size_alone_and_shrinks_larger_ones(tmp_path, write_face):
    write_face(tmp_path / "a.png", 32)
    write_face(tmp_path / "b.png", 48, 40)
    whole, sized = open_source(str(tmp_path)), open_source(str(tmp_path), 32)
    assert np.array_equal(sized[0].image, whole[0].image)
    assert sized[1].image.shape == (32, 32, 3)


def test_too_small_face_is_named_with_its_size(tmp_path, write_face):
    write_face(tmp_path / "a.png", 32)
    write_face(tmp_path / "ünder 2.png", 40, 31)
    source = open_source(str(tmp_path), 32)
    assert source[0].image.shape == (32, 32, 3)
    with pytest.raises(UserError, match=r"^ünder 2\.png of .* is 40x31; .* at least 32x32"):
        source[1]


def test_deleted_and_damaged_faces_are_named(tmp_path, write_face):
    file = write_face(tmp_path / "a.jpg", 32)
    source = open_source(str(tmp_path))
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(UserError, match=r"a\.jpg cannot be decoded"):
        source[0]
    file.unlink()
    with pytest.raises(UserError, match=r"a\.jpg cannot be read"):
        source[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "is not there"),
        (lambda path: path.write_text(""), "is a file"),
        (lambda path: path.mkdir(), "holds no JPEG, PNG or WebP image"),
    ],
)
def test_what_is_no_folder_of_images_is_told_in_one_line(tmp_path, make, message):
    make(tmp_path / "faces")
    with pytest.raises(UserError, match=message) as error:
        open_source(str(tmp_path / "faces"))
    assert "\n" not in str(error.value) and str(tmp_path / "faces") in str(error.value)


def test_links_to_folders_are_followed_and_those_in_circles_end(tmp_path, write_face):
    write_face(tmp_path / "faces/a.png", 8)
    write_face(tmp_path / "elsewhere/b.png", 8)
    (tmp_path / "faces/more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "faces")
    assert [face.name for face in open_source(str(tmp_path / "faces"))] == ["a.png", "more/b.png"]
    write_face(tmp_path / "faces/z/c.png", 8)
    (tmp_path / "faces/link").symlink_to(tmp_path / "faces/z")
    names = [face.name for face in open_source(str(tmp_path / "faces"))]
    assert names == ["a.png", "more/b.png", "z/c.png"]  # and not link/c.png
    write_face(tmp_path / "faces/y/d.png", 8)
    (tmp_path / "faces/y/friend").symlink_to(tmp_path / "faces/z")  # found before z itself is
    names = [face.name for face in open_source(str(tmp_path / "faces"))]
    assert names == ["a.png", "more/b.png", "y/d.png", "z/c.png"]


def test_no_source_at_all_says_what_to_give():
    with pytest.raises(UserError, match=r"data\.train=FOLDER"):
        open_source("")


def test_astronaut_trains_on_no_pixel_of_the_face_that_it_validates_on():
    seen, held_out = np.zeros((2, 512, 512), bool)
    for left, top, right, bottom in beside_the_face(512, 512):
        seen[top:bottom, left:right] = True
    for left, top, right, bottom in faces():
        held_out[top:bottom, left:right] = True
    assert seen.any() and held_out.any() and not (seen & held_out).any()


@pytest.mark.parametrize("part", ["train", "val"])
def test_astronaut_gives_crops_of_128(part):
    pytest.importorskip("skimage.data")
    source = open_source(f"astronaut:{part}")
    assert {source[i].image.shape for i in range(len(source))} == {(128, 128, 3)}
    assert len({source[i].name for i in range(len(source))}) == len(source)


def test_unknown_part_of_the_astronaut_is_refused():
    with pytest.raises(UserError, match="astronaut:train and astronaut:val are there"):
        open_source("astronaut:test")


def test_a_pack_of_several_splits_says_which_to_give(tmp_path):
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "faces-00000.array_record").touch()
    with pytest.raises(UserError, match=r"holds the packed splits train, val; give one, as .*train"):
        open_source(str(tmp_path))
