"""Photographs in and out: what a file means as an array of upright RGB, and how a result is written back.

A file is refused with one sentence (`PhotoError`) rather than read approximately. What is read: JPEG, PNG, WebP, TIFF
and BMP, 8 or 16 bits, grey, colour, palette, CMYK, with or without alpha. EXIF orientation is applied and its tag
dropped. Colours stay in the space of an RGB profile, which is kept; CMYK, Lab and grey profiles are converted to sRGB.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Float, Shaped, UInt8, UInt16
from PIL import Image, ImageCms, UnidentifiedImageError

from smlnet_jax.errors import UserError
from smlnet_jax.restoration import wide

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
MAX_PIXELS = 128_000_000  # read by default; Pillow itself refuses more than 178,956,970
SAVE_OPTIONS: dict[str, dict] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {"compress_level": 3},  # within 5 % of the size of level 6 in a third of its time
    "WEBP": {"quality": 95},
    "TIFF": {"compression": "tiff_adobe_deflate"},
    "BMP": {},
}
ORIENTATION = 0x0112
STALE_EXIF = (0xA002, 0xA003)  # pixel dimensions, wrong once the picture is turned or enlarged


class PhotoError(UserError):
    """A file that cannot be read or written as a photograph: `name` is shown to a person, `reason` says why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


@dataclass(frozen=True)
class Photo:
    """One decoded photograph, upright.

    `rgb` and `alpha` share a dtype: uint8, or uint16 where the file has 16 bits a channel (`depth` 16). `icc` is an
    RGB profile or None (then sRGB is meant), `exif` the file's tags without orientation, `format` one of FORMATS.
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
        return self.rgb.astype(np.float32) / np.float32(np.iinfo(self.rgb.dtype).max)


def shown(path: str | os.PathLike) -> str:
    """A path as one printable line: newlines and bytes that are not UTF-8 appear as escapes."""
    text = os.fspath(path)
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


def as_photo(
    image: Photo | Image.Image | np.ndarray | str | os.PathLike | bytes, *, max_pixels: int = MAX_PIXELS
) -> Photo:
    """Anything a caller of the Python API may hold, as a Photo.

    A path or the bytes of a file; a PIL picture in any mode; an array [h, w], [h, w, 1], [h, w, 3] or [h, w, 4], uint8,
    uint16, or floating point in [0, 1] (kept with 16 bits). Raises UserError for anything else.
    """
    if isinstance(image, Photo):
        return image
    if isinstance(image, (str, os.PathLike, bytes)):
        return read_photo(image, max_pixels=max_pixels)
    if isinstance(image, Image.Image):
        return _from_pil(image, "the picture", io.BytesIO(), max_pixels)
    return _from_array(np.asarray(image))


def read_photo(source: str | os.PathLike | bytes, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Decodes one file, or the bytes of one. Width times height is checked before any pixel is decoded.

    Raises PhotoError for everything that is not one whole still picture in one of FORMATS.
    """
    name = "the picture" if isinstance(source, bytes) else shown(source)
    with _opened(source, name) as file:
        return _decode(file, name, max_pixels)


def write_photo(
    path: str | os.PathLike, rgb: Float[np.ndarray, "h w 3"], *, like: Photo | None = None, depth: int = 8
) -> None:
    """Writes float RGB in [0, 1] (clipped, rounded to nearest) in the format of the path's suffix.

    Alpha (resized by Lanczos where the picture grew), profile and EXIF come from `like`. JPEG has no alpha: there the
    picture is laid on white. `depth` 16 needs PNG or TIFF. The file appears whole or not at all; one that was there
    is replaced. Raises PhotoError where it cannot be written.
    """
    path = Path(path)
    name = shown(path)
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise PhotoError(
            name, f"cannot be written as {path.suffix or 'a file without suffix'}; use one of {_known()}"
        )
    if depth == 16 and form not in WIDE_FORMATS:
        raise PhotoError(name, f"{form} holds 8 bits a channel; write 16 as .png or .tif")
    alpha = None if like is None or like.alpha is None else _fit_alpha(like.alpha, rgb.shape[0], rgb.shape[1])
    if alpha is not None and form == "JPEG":
        rgb, alpha = rgb * alpha[..., None] + (1 - alpha[..., None]), None
    levels = quantize(rgb, depth)
    if alpha is not None:
        levels = np.dstack([levels, quantize(alpha, depth)])
    icc = like.icc if like is not None else None
    exif = (
        like.exif if like is not None and form != "TIFF" else None
    )  # in TIFF they would mix with the file's own tags
    with replacing(path) as file:
        try:
            if depth == 16:
                file.write(wide.encode(levels, form, icc))
            else:
                extra = {key: value for key, value in (("icc_profile", icc), ("exif", exif)) if value}
                Image.fromarray(levels).save(file, form, **SAVE_OPTIONS[form], **extra)
        except (ValueError, SyntaxError) as error:  # such as WebP beyond 16,383 pixels a side
            raise PhotoError(
                name, f"cannot be written as {form} ({_line(error)}); choose another --ext"
            ) from error


def quantize(levels: Float[np.ndarray, "*shape"], depth: int = 8) -> Shaped[np.ndarray, "*shape"]:
    """[0, 1] to uint8 or uint16: clipped, rounded to the nearest level."""
    top = 255 if depth == 8 else 65535
    scaled = levels * np.float32(top)  # float32 holds every 16-bit level
    np.rint(scaled, out=scaled)
    np.clip(scaled, 0, top, out=scaled)
    return scaled.astype(np.uint8 if depth == 8 else np.uint16)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends well, and leaves no trace when it does not.

    Raises PhotoError where the folder cannot be written.
    """
    partial = path.with_name(
        f".{uuid.uuid4().hex}.partial"
    )  # a name of fixed length: the target's may be at the limit
    try:
        try:
            with partial.open("xb") as file:
                yield file
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise PhotoError(shown(path), f"cannot be written ({error.strerror or _line(error)})") from error


def _opened(source: str | os.PathLike | bytes, name: str) -> BinaryIO:
    if isinstance(source, bytes):
        size, file = len(source), io.BytesIO(source)
    else:
        try:
            status = Path(source).stat()
            if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
                raise PhotoError(name, "is not a file; give a picture, or a folder of them")
            size, file = status.st_size, Path(source).open("rb")
        except FileNotFoundError:
            reason = "is a link to nothing" if Path(source).is_symlink() else "does not exist"
            raise PhotoError(name, reason) from None
        except OSError as error:
            raise PhotoError(name, f"cannot be opened ({error.strerror or _line(error)})") from error
    if size == 0:
        file.close()
        raise PhotoError(name, "is empty (0 bytes)")
    return file


def _decode(file: BinaryIO, name: str, max_pixels: int) -> Photo:
    try:
        with Image.open(file, formats=FORMATS) as image:
            return _from_pil(image, name, file, max_pixels)
    except PhotoError:
        raise
    except UnidentifiedImageError:
        file.seek(0)
        raise PhotoError(name, _unidentified(file.read(64))) from None
    except Image.DecompressionBombError as error:
        raise PhotoError(name, f"holds too many pixels to open safely ({_line(error)})") from error
    except MemoryError as error:
        raise PhotoError(name, "does not fit into memory; make it smaller first") from error
    except (
        Exception
    ) as error:  # Pillow's plugins raise anything from struct.error to KeyError on damaged files
        raise PhotoError(name, f"is damaged or cut short ({_line(error)})") from error


def _from_pil(image: Image.Image, name: str, file: BinaryIO, max_pixels: int) -> Photo:
    """`file` is where the picture came from: Pillow keeps 8 of 16 bits in colour, so those are read again from it."""
    form = (
        "JPEG" if image.format == "MPO" else image.format or "PNG"
    )  # MPO: phones add views after the first picture
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        what = f"has {frames} pages" if form == "TIFF" else f"is animated ({frames} frames)"
        raise PhotoError(name, f"{what}; save the one you want as a picture of its own")
    if image.width * image.height > max_pixels:
        size = f"{image.width}x{image.height}"
        raise PhotoError(
            name, f"is {size}, more than the limit of {max_pixels:,} pixels; make it smaller first"
        )
    bits = _bits(image)
    image.load()
    exif = image.getexif()
    orientation = exif.get(ORIENTATION, 1)
    alpha: np.ndarray | None = None
    icc: bytes | None = image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":
        rgb, icc = _grey_levels(image, name), None
        alpha = _key_alpha(rgb, image.info.get("transparency"))
    elif image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        rgb, alpha = rgba[..., :3], rgba[..., 3]
    else:
        image, icc = _as_rgb(image, icc)
        rgb = np.asarray(image)
    if bits == 16 and rgb.dtype == np.uint8 and file.seek(0, os.SEEK_END):
        file.seek(0)
        finer = wide.decode(file.read(), rgb, alpha, orientation)
        rgb, alpha = finer if finer is not None else (rgb, alpha)
    return Photo(
        rgb=_upright(rgb, orientation),
        alpha=None if alpha is None else _upright(alpha, orientation),
        icc=icc if icc and icc[16:20] == b"RGB " else None,
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
            f"a picture of {array.dtype} has no defined range; use uint8, uint16 or float in [0, 1]"
        )
    rgb = np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array[..., :3]
    return Photo(np.ascontiguousarray(rgb), array[..., 3].copy() if array.shape[2] == 4 else None)


def _bits(image: Image.Image) -> int:
    """Bits a channel in the file, from the header, for the formats where it can be more than 8."""
    if image.format == "TIFF":
        if image.tag_v2.get(284, 1) == 2 and max(image.tag_v2.get(258, (8,))) == 16 and image.mode != "I;16":
            raise ValueError("16-bit TIFF with separate planes is not supported; save it as PNG")
        return max(image.tag_v2.get(258, (8,)))
    tiles = getattr(image, "tile", ())
    return 16 if any(";16" in str(tile[3]) for tile in tiles) else 8


def _grey_levels(image: Image.Image, name: str) -> UInt16[np.ndarray, "h w 3"]:
    """16-bit grey, which `convert("RGB")` would saturate."""
    levels = np.asarray(image)
    if image.mode == "F" or levels.min() < 0 or levels.max() > 65535:
        kind = "floating-point numbers" if image.mode == "F" else "32-bit integers"
        raise PhotoError(name, f"holds {kind} of unknown range; save it with 8 or 16 bits a channel")
    return np.repeat(levels.astype(np.uint16)[..., None], 3, axis=2)


def _key_alpha(rgb: UInt16[np.ndarray, "h w 3"], key: object) -> UInt16[np.ndarray, "h w"] | None:
    """PNG may name one grey level as transparent."""
    return np.where(rgb[..., 0] == key, 0, 65535).astype(np.uint16) if isinstance(key, int) else None


def _as_rgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, bytes | None]:
    """Colour-managed where the profile speaks of the file's own channels, Pillow's plain conversion otherwise."""
    if image.mode in ("RGB", "P", "PA", "RGBX", "1"):
        return image.convert("RGB"), icc
    spaces = {"CMYK": b"CMYK", "L": b"GRAY", "LAB": b"Lab "}
    profile: ImageCms.ImageCmsProfile | None = None
    try:
        if icc and icc[16:20] == spaces.get(image.mode):
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        elif image.mode == "LAB":
            profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        if profile is not None:
            srgb = ImageCms.createProfile("sRGB")
            intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
            converted = ImageCms.profileToProfile(image, profile, srgb, intent, "RGB")
            if converted is not None:
                return converted, None
    except (ImageCms.PyCMSError, OSError):
        pass  # a damaged profile must not cost the picture
    return image.convert("RGB"), None


def _upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Undoes EXIF orientation 1 to 8 (EXIF 2.3, 4.6.4); anything else means 1. Always a contiguous copy."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array.copy()


def _kept_exif(exif: Image.Exif) -> bytes | None:
    """The tags without orientation and size; None where there is nothing to keep or the block is damaged."""
    try:
        exif.pop(ORIENTATION, None)
        details = exif.get_ifd(0x8769)
        for tag in STALE_EXIF:
            details.pop(tag, None)
        return exif.tobytes() if len(exif) else None
    except Exception:  # an EXIF block is arbitrary bytes, and none of it is worth losing the picture
        return None


def _fit_alpha(alpha: Shaped[np.ndarray, "h w"], height: int, width: int) -> Float[np.ndarray, "H W"]:
    levels = alpha.astype(np.float32) / np.float32(np.iinfo(alpha.dtype).max)
    if levels.shape == (height, width):
        return levels
    return np.clip(Image.fromarray(levels).resize((width, height), Image.Resampling.LANCZOS), 0, 1)


def _unidentified(head: bytes) -> str:
    wanted = "JPEG, PNG, WebP, TIFF or BMP"
    if head.startswith(b"GIF8"):
        return f"is a GIF; save the frame you want as one of {wanted}"
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"avif", b"hevc"):
        return f"is a HEIF or AVIF picture; save it as one of {wanted}"
    if not head.strip(b"\0"):
        return "holds nothing but zero bytes"
    return f"is not a picture in {wanted}, whatever its name says"


def _known() -> str:
    return ", ".join(SUFFIXES)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
