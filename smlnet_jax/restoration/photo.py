"""Photographs in and out: a file as an array of upright RGB, and a result as a file.

A file is refused with one sentence (`PhotoError`) rather than read approximately. What is read: JPEG, PNG,
WebP, TIFF and BMP, 8 or 16 bits, grey, colour, palette, CMYK, with or without alpha. EXIF orientation is
applied and its tag dropped. Colours stay in the space of an RGB profile, which is kept.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Float, Shaped, UInt8, UInt16
from PIL import Image, UnidentifiedImageError

from smlnet_jax.errors import UserError
from smlnet_jax.restoration import pixels, wide
from smlnet_jax.restoration.files import PhotoError, one_line, opened, replacing, shown

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
SUFFIXES = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
WIDE_FORMATS = ("PNG", "TIFF")  # can hold 16 bits a channel
OPAQUE_FORMATS = ("JPEG", "BMP")  # BMP may hold alpha, but hardly anything reads it
MAX_PIXELS = 128_000_000  # read by default; Pillow itself refuses more than 178,956,970
SAVE_OPTIONS: dict[str, dict] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {"compress_level": 3},
    "WEBP": {"quality": 95},
    "TIFF": {"compression": "tiff_adobe_deflate"},
    "BMP": {},
}
SIGNATURES = {
    b"\xff\xd8": "JPEG",
    b"\x89PNG": "PNG",
    b"RIFF": "WebP",
    b"II*": "TIFF",
    b"MM\0": "TIFF",
    b"BM": "BMP",
}
ORIENTATION, DETAILS = 0x0112, 0x8769  # EXIF tags; DETAILS holds a directory of its own
JPEG_EXIF = 65533  # bytes of EXIF that a JPEG can hold
STALE_DETAILS = (0xA002, 0xA003)  # width and height, wrong once the picture is turned or enlarged


@dataclass(frozen=True, eq=False)
class Photo:
    """One decoded photograph, upright.

    `rgb` and `alpha` share a dtype: uint8, or uint16 where the file has 16 bits a channel. `icc` is an RGB
    profile or None (then sRGB is meant), `exif` the file's tags without orientation, `format` one of FORMATS.
    """

    rgb: UInt8[np.ndarray, "h w 3"] | UInt16[np.ndarray, "h w 3"]
    alpha: UInt8[np.ndarray, "h w"] | UInt16[np.ndarray, "h w"] | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    format: str = "PNG"

    @property
    def depth(self) -> int:
        """Bits a channel: 8 or 16."""
        return 16 if self.rgb.dtype == np.uint16 else 8

    def pixels(self) -> Float[np.ndarray, "h w 3"]:
        """The picture as float32 RGB in [0, 1], a fresh array."""
        return _unit_range(self.rgb)


def as_photo(
    image: Photo | Image.Image | np.ndarray | str | os.PathLike | bytes, *, max_pixels: int = MAX_PIXELS
) -> Photo:
    """Anything a caller of the Python API may hold, as a Photo.

    A path or the bytes of a file; a PIL picture in any mode; an array [h, w], [h, w, 1], [h, w, 3] or [h, w,
    4], uint8, uint16, or floating point in [0, 1] (kept with 16 bits). Raises UserError for anything else.
    """
    if isinstance(image, Photo):
        return image
    if isinstance(image, str | os.PathLike | bytes):
        return read_photo(image, max_pixels=max_pixels)
    if isinstance(image, Image.Image):
        return _from_pil(image, "the picture", None, max_pixels)
    return _from_array(np.asarray(image))


def read_photo(source: str | os.PathLike | bytes, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Decodes one file, or the bytes of one. Width times height is checked before any pixel is decoded.

    Raises PhotoError for everything that is not one whole still picture in one of FORMATS.
    """
    name = "the picture" if isinstance(source, bytes) else shown(source)
    with _opened(source, name) as file:
        try:
            with Image.open(file, formats=FORMATS) as image:
                return _from_pil(image, name, file, max_pixels)
        except PhotoError:
            raise
        except UnidentifiedImageError:
            file.seek(0)
            raise PhotoError(name, _unidentified(file.read(64))) from None
        except Image.DecompressionBombError as error:
            raise PhotoError(name, f"holds too many pixels to open safely ({one_line(error)})") from error
        except MemoryError as error:
            raise PhotoError(name, "does not fit into memory; make it smaller first") from error
        except Exception as error:  # Pillow raises anything from struct.error to KeyError on damaged files
            raise PhotoError(name, f"is damaged or cut short ({one_line(error)})") from error


def write_photo(
    path: str | os.PathLike, rgb: Float[np.ndarray, "h w 3"], *, like: Photo | None = None, depth: int = 8
) -> None:
    """Writes float RGB in [0, 1] (clipped, rounded to nearest) in the format of the path's suffix.

    Alpha (resized by Lanczos where the picture grew), profile and EXIF come from `like`. In JPEG and BMP,
    transparent parts are laid on white. `depth` 16 needs PNG or TIFF. The file appears whole or not at all;
    one that was there is replaced. Raises PhotoError where it cannot be written.
    """
    path = Path(path)
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise PhotoError(shown(path), f"needs a suffix that names its format: {', '.join(SUFFIXES)}")
    if depth == 16 and form not in WIDE_FORMATS:
        raise PhotoError(shown(path), f"{form} holds 8 bits a channel; write 16 as .png or .tif")
    alpha = None if like is None or like.alpha is None else _fit(_unit_range(like.alpha), *rgb.shape[:2])
    if alpha is not None and form in OPAQUE_FORMATS:
        rgb, alpha = rgb * alpha[..., None] + (1 - alpha[..., None]), None
    levels = quantize(rgb, depth)
    if alpha is not None:
        levels = np.dstack([levels, quantize(alpha, depth)])
    icc = like.icc if like is not None else None
    exif = like.exif if like is not None and _holds(form, like.exif) else None
    with replacing(path) as file:
        try:
            if depth == 16:
                file.write(wide.encode(levels, form, icc, exif))
            else:
                extra = {key: value for key, value in (("icc_profile", icc), ("exif", exif)) if value}
                Image.fromarray(levels).save(file, form, **SAVE_OPTIONS[form], **extra)
        except (ValueError, SyntaxError) as error:  # such as WebP beyond 16,383 pixels a side
            raise PhotoError(shown(path), f"cannot be written as {form} ({one_line(error)})") from error


def quantize(levels: Float[np.ndarray, "*shape"], depth: int = 8) -> Shaped[np.ndarray, "*shape"]:
    """[0, 1] to uint8 or uint16: clipped, rounded to the nearest level."""
    top = 255 if depth == 8 else 65535
    scaled = levels * np.float32(top)  # float32 holds every 16-bit level
    np.rint(scaled, out=scaled)
    np.clip(scaled, 0, top, out=scaled)
    return scaled.astype(np.uint8 if depth == 8 else np.uint16)


def _opened(source: str | os.PathLike | bytes, name: str) -> BinaryIO:
    if isinstance(source, bytes):
        if not source:
            raise PhotoError(name, "is empty (0 bytes)")
        return io.BytesIO(source)
    return opened(Path(source))


def _from_pil(image: Image.Image, name: str, file: BinaryIO | None, max_pixels: int) -> Photo:
    """`file` is where the picture came from: of 16 bits in colour Pillow keeps 8, so they are read again."""
    multiple = image.format == "MPO"  # a JPEG from a phone that appends other views to the photograph
    form = "JPEG" if multiple else image.format
    count = 1 if multiple else pixels.count_pictures(image)
    if count > 1:
        what = f"has {count} pages" if form == "TIFF" else f"is animated ({count} frames)"
        raise PhotoError(name, f"{what}; save the one you want as a picture of its own")
    if image.width * image.height > max_pixels:
        size = f"{image.width}x{image.height}"
        raise PhotoError(
            name, f"is {size}, more than the limit of {max_pixels:,} pixels; make it smaller first"
        )
    if pixels.has_wide_planes(image):
        raise PhotoError(
            name, "is a 16-bit TIFF with separate planes, which is not supported; save it as PNG"
        )
    hides_bits = file is not None and image.mode in ("RGB", "RGBA") and pixels.bits(image) == 16
    image.load()
    # Behind load(): in PNG the tags may follow the pixels, and TIFF is turned upright by load().
    exif = image.getexif()
    orientation = exif.get(ORIENTATION, 1)
    try:
        rgb, alpha, icc = pixels.levels(image)
    except ValueError as error:
        raise PhotoError(name, one_line(error)) from error
    if hides_bits and file is not None:
        file.seek(0)
        rgb, alpha = wide.decode(file.read(), rgb, alpha) or (rgb, alpha)
        if rgb.dtype == np.uint16:  # Pillow opens grey with alpha as RGBA
            rgb = pixels.managed_grey(rgb, image.info.get("icc_profile"))
    return Photo(
        rgb=pixels.upright(rgb, orientation),
        alpha=None if alpha is None else pixels.upright(alpha, orientation),
        icc=icc,
        exif=_kept_exif(exif) if form in ("JPEG", "PNG", "WEBP") else None,
        format=form if form in FORMATS else "PNG",
    )


def _from_array(array: np.ndarray) -> Photo:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or array.size == 0:
        raise UserError(
            f"an array of shape {array.shape} is no picture; expected [h, w], [h, w, 3] or [h, w, 4]"
        )
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise UserError("a floating-point picture must lie in [0, 1]; divide by 255, or hand over uint8")
        array = quantize(array.astype(np.float32), 16)
    if array.dtype not in (np.uint8, np.uint16):
        raise UserError(
            f"a picture of {array.dtype} has no known range; use uint8, uint16 or float in [0, 1]"
        )
    rgb = np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array[..., :3]
    return Photo(np.ascontiguousarray(rgb), array[..., 3].copy() if array.shape[2] == 4 else None)


def _kept_exif(exif: Image.Exif) -> bytes | None:
    """The tags without orientation and size; None where there is nothing to keep or the block is damaged."""
    try:
        kept = Image.Exif()
        kept.load(exif.tobytes())  # the tags themselves stay in the caller's picture
        kept.pop(ORIENTATION, None)
        details = kept.get_ifd(DETAILS)
        for tag in STALE_DETAILS:
            details.pop(tag, None)
        return kept.tobytes() if len(kept) else None
    except Exception:  # an EXIF block is arbitrary bytes, and none of it is worth losing the picture
        return None


def _holds(form: str, exif: bytes | None) -> bool:
    """Whether a format takes these tags: TIFF would mix them with its own, JPEG has 64 KiB for them."""
    return exif is not None and form != "TIFF" and (form != "JPEG" or len(exif) <= JPEG_EXIF)


def _unit_range(levels: Shaped[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    return levels.astype(np.float32) / np.float32(np.iinfo(levels.dtype).max)


def _fit(alpha: Float[np.ndarray, "h w"], height: int, width: int) -> Float[np.ndarray, "H W"]:
    if alpha.shape == (height, width):
        return alpha
    return np.clip(np.asarray(Image.fromarray(alpha).resize((width, height), Image.Resampling.LANCZOS)), 0, 1)


def _unidentified(head: bytes) -> str:
    wanted = "JPEG, PNG, WebP, TIFF or BMP"
    if head.startswith(b"GIF8"):
        return f"is a GIF; save the frame you want as {wanted}"
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"avif"):
        return f"is a HEIF or AVIF picture; save it as {wanted}"
    for signature, form in SIGNATURES.items():
        if head.startswith(signature):
            return f"begins like {form}, but is cut short or of a kind that cannot be read"
    if not head.strip(b"\0"):
        return "holds nothing but zero bytes"
    return f"is not a picture in {wanted}, whatever its name says"
