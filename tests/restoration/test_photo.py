import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from corpus import (
    animated,
    bad_files,
    bomb,
    cmyk_profile,
    colours,
    encoded,
    grey_profile,
    oriented,
    png_chunk,
    wide_colours,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from smlnet_jax.errors import UserError
from smlnet_jax.restoration.photo import Photo, PhotoError, as_photo, quantize, read_photo, write_photo

RGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_orientation_is_applied_and_its_tag_dropped(tmp_path, form, orientation):
    data = oriented(orientation, form)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    photo = read_photo(data)
    np.testing.assert_array_equal(photo.rgb, expected)
    write_photo(tmp_path / "out.jpg", photo.pixels(), like=photo)
    with Image.open(tmp_path / "out.jpg") as written:
        assert 0x0112 not in written.getexif()
        assert written.size == expected.shape[1::-1]
        if form != "TIFF":
            assert written.getexif()[0x013B] == "A. Photographer"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bit_colour_is_read_whole_in_every_orientation(form, orientation):
    wide = wide_colours(6, 9, 4)
    if form == "TIFF":
        file = io.BytesIO()
        tag = (274, 3, 1, orientation, True)
        tifffile.imwrite(file, wide, photometric="rgb", extrasamples=["unassalpha"], extratags=[tag])
        data = file.getvalue()
    else:
        exif = Image.Exif()
        exif[0x0112] = orientation
        png = cv2.imencode(".png", wide[..., [2, 1, 0, 3]])[1].tobytes()
        data = png[:33] + png_chunk(b"eXIf", exif.tobytes()[6:]) + png[33:]
    flat = Image.fromarray(np.arange(54, dtype=np.int32).reshape(6, 9))
    flat.getexif()[0x0112] = orientation
    order = np.asarray(ImageOps.exif_transpose(flat))
    photo = read_photo(data)
    assert photo.depth == 16
    np.testing.assert_array_equal(photo.rgb, wide.reshape(54, 4)[order][..., :3])
    np.testing.assert_array_equal(photo.alpha, wide.reshape(54, 4)[order][..., 3])


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_not_saturated(form):
    wide = wide_colours()[..., 0]
    photo = read_photo(encoded(wide, form))
    np.testing.assert_array_equal(photo.rgb, np.repeat(wide[..., None], 3, axis=2))
    assert photo.pixels().max() <= 1


def test_sixteen_bit_tiff_with_white_as_zero_is_turned_round():
    wide = wide_colours()[..., 0]
    file = io.BytesIO()
    tifffile.imwrite(file, wide, photometric="miniswhite")
    np.testing.assert_array_equal(read_photo(file.getvalue()).rgb[..., 0], 65535 - wide)


def test_sixteen_bit_tiff_in_planes_is_refused_not_scrambled():
    file = io.BytesIO()
    tifffile.imwrite(file, np.moveaxis(wide_colours(), -1, 0), photometric="rgb", planarconfig="separate")
    with pytest.raises(PhotoError, match="separate planes"):
        read_photo(file.getvalue())


def test_sixteen_bit_alpha_that_is_multiplied_in_falls_back_to_eight_bits():
    file = io.BytesIO()
    wide = wide_colours(channels=4)
    wide[..., :3] = wide[..., :3] * (wide[..., 3:] / 65535)
    tifffile.imwrite(file, wide, photometric="rgb", extrasamples=["assocalpha"])
    photo = read_photo(file.getvalue())
    assert photo.depth == 8
    opaque = wide[..., 3] > 40000
    straight = wide[..., :3] / wide[..., 3:] * 255
    np.testing.assert_allclose(photo.rgb[opaque], straight[opaque], atol=3)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bits_survive_being_written_and_read(tmp_path, suffix, channels):
    wide = wide_colours(channels=channels)
    alpha = wide[..., 3] if channels == 4 else None
    like = Photo(wide[..., :3], alpha, RGB_PROFILE)
    path = tmp_path / f"out.{suffix}"
    write_photo(path, like.pixels(), like=like, depth=16)
    back = read_photo(path)
    np.testing.assert_array_equal(back.rgb, like.rgb)
    assert (back.alpha is None) == (alpha is None)
    if alpha is not None:
        np.testing.assert_array_equal(back.alpha, alpha)
    assert back.icc == RGB_PROFILE


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_rgb_profile_is_kept(tmp_path, suffix):
    photo = read_photo(encoded(colours(), "PNG", icc_profile=RGB_PROFILE))
    write_photo(tmp_path / f"out.{suffix}", photo.pixels(), like=photo)
    assert Image.open(tmp_path / f"out.{suffix}").info["icc_profile"] == RGB_PROFILE


def test_cmyk_is_converted_by_its_own_profile():
    inks = Image.new("CMYK", (8, 8), (255, 0, 0, 0))  # cyan, which this profile calls a neutral grey
    plain = read_photo(encoded(inks, "JPEG", quality=100))
    managed = read_photo(encoded(inks, "JPEG", quality=100, icc_profile=cmyk_profile()))
    assert plain.rgb[0, 0, 0] < 5 and plain.rgb[0, 0, 1] > 250
    assert 90 < managed.rgb[0, 0, 0] < 150 and np.ptp(managed.rgb[0, 0].astype(int)) < 12
    assert managed.icc is None and managed.rgb.shape == (8, 8, 3)


def test_grey_profile_is_applied_and_not_passed_on_to_rgb():
    """A viewer would misread RGB that carries a profile for grey."""
    lab = bytearray(cmyk_profile())
    lab[16:20] = b"GRAY"  # nonsense behind the name: conversion fails, the picture must survive
    photo = read_photo(encoded(Image.fromarray(colours()).convert("L"), "PNG", icc_profile=bytes(lab)))
    assert photo.icc is None
    assert (photo.rgb[..., 0] == photo.rgb[..., 2]).all()


def wide_grey_with_alpha(level: int, icc: bytes) -> bytes:
    """A PNG of colour type 4 in 16 bits, which Pillow reads and does not write."""
    rows = (b"\0" + struct.pack(">HH", level, 65535) * 8) * 8
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 4, 0, 0, 0)),
        (b"iCCP", b"grey\0\0" + zlib.compress(icc)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks)


@pytest.mark.parametrize("kind", ["L", "LA", "transparent", "I;16", "16-bit LA"])
def test_grey_profile_counts_with_alpha_and_in_sixteen_bits_too(kind):
    """Linear light of 64 levels is 137 in sRGB."""
    grey = Image.new("L", (8, 8), 64)
    options = {}
    if kind == "LA":
        grey = Image.merge("LA", (grey, Image.new("L", (8, 8), 200)))
    if kind == "transparent":
        options["transparency"] = 3
    if kind == "I;16":
        grey = Image.fromarray(np.full((8, 8), 64 * 257, np.uint16))
    content = encoded(grey, "PNG", icc_profile=grey_profile(), **options)
    if kind == "16-bit LA":
        content = wide_grey_with_alpha(64 * 257, grey_profile())
    photo = read_photo(content)
    assert photo.depth == (16 if "16" in kind else 8) and photo.icc is None
    np.testing.assert_allclose(photo.pixels() * 255, 137, atol=1)
    if kind == "LA":
        assert (photo.alpha == 200).all()


def test_sixteen_bits_of_grey_keep_their_order_under_a_profile():
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    rgb = read_photo(encoded(ramp, "PNG", icc_profile=grey_profile())).rgb[..., 0].ravel().astype(int)
    assert rgb[0] == 0 and rgb[-1] == 65535 and (np.diff(rgb) >= 0).all()
    linear = np.arange(65536) / 65535
    srgb = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(rgb / 65535 - srgb)[1024:].max() < 1 / 255


def test_picture_of_the_caller_keeps_its_tags_and_is_upright_every_time():
    with Image.open(io.BytesIO(oriented(6, "JPEG"))) as picture:
        first, second = as_photo(picture), as_photo(picture)
        assert picture.getexif()[0x0112] == 6
    np.testing.assert_array_equal(first.rgb, second.rgb)


@pytest.mark.parametrize("depth", [8, 16])
def test_tags_are_kept_in_png_of_either_depth(tmp_path, depth):
    photo = read_photo(oriented(6, "JPEG"))
    write_photo(tmp_path / "out.png", photo.pixels(), like=photo, depth=depth)
    with Image.open(tmp_path / "out.png") as written:
        assert written.getexif()[0x013B] == "A. Photographer"


def test_tags_that_a_jpeg_cannot_hold_do_not_cost_the_picture(tmp_path):
    tags = Image.Exif()
    tags[0x010E] = "a long story " * 6000
    photo = read_photo(encoded(colours(), "PNG", exif=tags))
    write_photo(tmp_path / "out.jpg", photo.pixels(), like=photo)
    assert read_photo(tmp_path / "out.jpg").exif is None


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_looks_as_pillow_shows_it(mode):
    image = Image.fromarray(colours()).convert(mode)
    photo = as_photo(image)
    np.testing.assert_array_equal(photo.rgb, np.asarray(image.convert("RGB")))
    assert (photo.alpha is not None) == (mode in ("LA", "RGBA"))


def test_transparent_palette_entry_becomes_alpha_and_is_restored(tmp_path):
    image = Image.fromarray(colours()).quantize(8)
    photo = read_photo(encoded(image, "PNG", transparency=3))
    np.testing.assert_array_equal(photo.alpha == 0, np.asarray(image) == 3)
    write_photo(tmp_path / "out.png", photo.pixels(), like=photo)
    np.testing.assert_array_equal(read_photo(tmp_path / "out.png").alpha, photo.alpha)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_alpha_follows_a_picture_that_grew(tmp_path, form):
    rgba = np.dstack([colours(), np.full((24, 32), 128, np.uint8)])
    options = {"lossless": True} if form == "WEBP" else {}
    photo = read_photo(encoded(rgba, form, **options))
    path = tmp_path / {"PNG": "out.png", "TIFF": "out.tif", "WEBP": "out.webp"}[form]
    write_photo(path, np.zeros((48, 64, 3), np.float32), like=photo)
    assert np.all(np.abs(read_photo(path).alpha.astype(int) - 128) <= 1)


@pytest.mark.parametrize("name", ["out.jpg", "out.bmp"])
def test_transparent_parts_become_white_where_there_is_no_alpha(tmp_path, name):
    photo = Photo(np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16), np.uint8))
    write_photo(tmp_path / name, photo.pixels(), like=photo)
    assert read_photo(tmp_path / name).rgb.min() == 255


def test_first_view_of_a_phone_picture_is_read():
    photo = read_photo(animated("MPO"))
    assert photo.format == "JPEG"
    np.testing.assert_allclose(photo.rgb.astype(int), colours(), atol=40)


def test_smaller_copies_of_a_tiff_page_do_not_count_as_pages():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as tiff:
        tiff.write(colours(), photometric="rgb")
        tiff.write(colours(6, 8), photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(read_photo(file.getvalue()).rgb, colours())


@pytest.mark.parametrize("name", bad_files())
def test_bad_file_is_refused_in_one_sentence(tmp_path, name):
    content, reason = bad_files()[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(PhotoError) as refusal:
        read_photo(path)
    assert reason in refusal.value.reason
    assert "\n" not in str(refusal.value) and str(path) in str(refusal.value)


def test_paths_that_are_no_files_are_refused(tmp_path):
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "lost.png").symlink_to(tmp_path / "nowhere.png")
    for name, reason in (
        ("loop.png", "symbolic links"),
        ("lost.png", "link to nothing"),
        ("x.png", "not exist"),
    ):
        with pytest.raises(PhotoError, match=reason):
            read_photo(tmp_path / name)
    with pytest.raises(PhotoError, match="is not a file"):
        read_photo(tmp_path)


def test_pixel_limit_is_checked_before_decoding(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(PhotoError, match="1000x1000, more than the limit of 999,999"):
        read_photo(bomb(1000), max_pixels=999_999)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF", "BMP"]), st.data())
def test_damaged_bytes_are_read_or_refused_but_never_crash(form, data):
    content = bytearray(encoded(colours(), form))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        photo = read_photo(bytes(content), max_pixels=1_000_000)
    except PhotoError as error:
        refusal = str(error)
        assert "\n" not in refusal
    else:
        assert photo.rgb.ndim == 3


def test_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "out.webp"
    path.write_bytes(b"old")
    with pytest.raises(PhotoError, match="cannot be written as WEBP"):
        write_photo(path, np.zeros((1, 17_000, 3), np.float32))  # beyond WebP's 16,383
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_output_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PhotoError, match="cannot be written"):
        write_photo(tmp_path / "file" / "out.png", np.zeros((2, 2, 3), np.float32))


def test_arrays_of_every_kind_are_taken_by_their_range():
    image = colours()
    np.testing.assert_array_equal(as_photo(image).rgb, image)
    np.testing.assert_array_equal(as_photo(image[..., 0]).rgb[..., 2], image[..., 0])
    np.testing.assert_array_equal(quantize(as_photo(image / 255.0).pixels()), image)
    assert as_photo(np.dstack([image, image[..., 0]])).alpha is not None
    for wrong in (image.astype(np.float32), image.astype(np.int64), np.full((2, 2), np.nan), image[None]):
        with pytest.raises(UserError):
            as_photo(wrong)


@given(st.lists(st.floats(-2, 2, width=32), min_size=1))
def test_quantizing_clips_and_rounds_to_nearest(values):
    levels = np.array(values, np.float32)
    distance = np.abs(quantize(levels).astype(float) - np.clip(levels.astype(float), 0, 1) * 255)
    assert distance.max() <= 0.5 + 1e-4  # float32's own rounding


def test_every_sixteen_bit_level_survives_float():
    np.testing.assert_array_equal(quantize(np.arange(65536, dtype=np.float32) / 65535, 16), np.arange(65536))
