"""Every kind of image file that is met in the wild comes out as upright RGB, or as a sentence."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from smlnet_jax.data import decode as module
from smlnet_jax.data.decode import decode
from smlnet_jax.errors import UserError

SIDES = st.integers(1, 33)


def _file(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _random(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


@given(height=SIDES, width=SIDES, seed=st.integers(0, 99))
def test_lossless_files_of_any_shape_come_back_exactly(height, width, seed):
    image = _random(height, width, seed=seed)
    assert np.array_equal(decode(_file(Image.fromarray(image)), "x"), image)
    assert np.array_equal(decode(_file(Image.fromarray(image), "WEBP", lossless=True), "x"), image)


@pytest.mark.parametrize("mode", ["L", "P", "1"])
def test_grey_palette_and_bilevel_become_rgb(mode):
    picture = Image.fromarray(_random(7, 9)).convert(mode)
    image = decode(_file(picture), "x")
    assert image.shape == (7, 9, 3) and image.dtype == np.uint8
    assert np.array_equal(image, np.asarray(picture.convert("RGB")))


def test_cmyk_jpeg_becomes_rgb():
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    image = decode(_file(red, "JPEG", quality=100), "x").astype(int)
    assert np.abs(image - [255, 0, 0]).max() <= 3


def test_16_bit_grey_keeps_its_upper_8_bits():
    deep = np.array([[0, 255, 256, 511, 40_000, 65_535]], np.uint16)
    image = decode(_file(Image.fromarray(deep)), "x")
    assert image[0, :, 0].tolist() == [0, 0, 1, 1, 40_000 >> 8, 255]
    assert np.array_equal(image[..., 0], image[..., 2])


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_laid_on_white(mode):
    picture = Image.new(mode, (3, 2), (0,) * len(mode))
    assert (decode(_file(picture), "x") == 255).all()


def test_transparent_palette_entry_is_laid_on_white():
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    image = decode(_file(picture, transparency=0), "x")
    assert image[0].tolist() == [[255, 255, 255], [40, 50, 60]]


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda x: x),
        (2, lambda x: x[:, ::-1]),
        (3, lambda x: x[::-1, ::-1]),
        (4, lambda x: x[::-1]),
        (5, lambda x: x.transpose(1, 0, 2)),
        (6, lambda x: np.rot90(x, -1)),
        (7, lambda x: x[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda x: np.rot90(x)),
    ],
)
def test_exif_orientation_is_applied(orientation, upright):
    stored = _random(5, 8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = _file(Image.fromarray(stored), exif=exif.tobytes())
    assert np.array_equal(decode(data, "x"), upright(stored))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("part", [0.0, 0.02, 0.3, 0.9])
def test_truncated_file_is_named_in_one_line(kind, part):
    data = _file(Image.fromarray(_random(40, 40)), kind)
    with pytest.raises(UserError, match=r"^faces/ünder 1\.png (is no|cannot be decoded)") as error:
        decode(data[: int(part * len(data))], "faces/ünder 1.png")
    assert "\n" not in str(error.value)


@given(data=st.binary(max_size=200))
def test_junk_raises_user_errors_only(data):
    with pytest.raises(UserError):
        decode(data, "x")


@given(position=st.floats(0, 0.999), value=st.integers(0, 255), kind=st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_a_changed_byte_decodes_or_raises_user_errors_only(position, value, kind):
    data = bytearray(_file(Image.fromarray(_random(12, 12)), kind))
    data[int(position * len(data))] = value
    try:
        image = decode(bytes(data), "x")
    except UserError:
        return
    assert image.ndim == 3 and image.dtype == np.uint8


@pytest.mark.parametrize("kind", ["BMP", "GIF", "TIFF"])
def test_other_formats_are_refused(kind):
    with pytest.raises(UserError, match="x is no JPEG, PNG or WebP image"):
        decode(_file(Image.fromarray(_random(4, 4)), kind), "x")


def test_huge_picture_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(module, "MAX_PIXELS", 99)
    with pytest.raises(UserError, match="x has 10x10 pixels, more than 99"):
        decode(_file(Image.fromarray(_random(10, 10))), "x")
