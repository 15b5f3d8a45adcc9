"""From the bytes of an image file to RGB pixels, or a sentence that names the file."""

from __future__ import annotations

import io
import warnings

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from smlnet_jax.errors import UserError

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 64_000_000  # checked before decoding: a small file can hold a huge picture


def decode(data: bytes, name: str) -> UInt8[np.ndarray, "h w 3"]:
    """RGB, upright. Alpha is laid on white, 16-bit grey keeps its upper 8 bits.

    Raises `UserError` that names the file if it cannot be decoded whole or has over `MAX_PIXELS` pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit here is stricter
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
            if picture.width * picture.height > MAX_PIXELS:
                raise UserError(
                    f"{name} has {picture.width}x{picture.height} pixels, more than {MAX_PIXELS:,}; "
                    "shrink it, or drop it"
                )
            return np.asarray(_rgb(ImageOps.exif_transpose(picture)))
    except UserError:
        raise
    except UnidentifiedImageError as error:
        raise UserError(
            f"{name} is no JPEG, PNG or WebP image; drop it, or prepare the folder with "
            "`smlnet data prepare`, which skips it"
        ) from error
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error and more
        raise UserError(
            f"{name} cannot be decoded ({' '.join(str(error).split())}); drop it, or prepare the folder with "
            "`smlnet data prepare`, which skips it"
        ) from error


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        return picture
    if picture.mode.startswith("I"):  # convert("RGB") would clip 16 bits at 255
        wide = np.asarray(picture).astype(np.uint32)
        return Image.fromarray((np.clip(wide, 0, 65535) >> 8).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")
