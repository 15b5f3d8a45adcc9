"""16 bits a channel in colour: Pillow keeps 8 of them on reading and cannot write them.

Reading is OpenCV's, checked against Pillow's 8 bits of the same file; PNG is written by OpenCV, with the
profile and tags added, and TIFF by tifffile.
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from jaxtyping import UInt8, UInt16


def decode(
    data: bytes, rgb: UInt8[np.ndarray, "h w 3"], alpha: UInt8[np.ndarray, "h w"] | None
) -> tuple[UInt16[np.ndarray, "h w 3"], UInt16[np.ndarray, "h w"] | None] | None:
    """All 16 bits of a file of which Pillow read the upper 8 as `rgb` and `alpha`.

    None where OpenCV cannot read the file or reads something else, as with alpha that is multiplied in: then
    Pillow's 8 bits are what is known for certain.
    """
    import cv2

    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16:
        return None
    found: np.ndarray = np.asarray(decoded)
    if found.ndim == 2:
        found = np.repeat(found[..., None], 3, axis=2)
    finer = found[..., 2::-1]
    if finer.shape != rgb.shape or not np.array_equal(finer >> 8, rgb):
        return None
    if alpha is None:
        return finer, None
    if found.shape[2] == 4 and np.array_equal(found[..., 3] >> 8, alpha):
        return finer, found[..., 3]
    return finer, alpha.astype(np.uint16) * 257


def encode(
    levels: UInt16[np.ndarray, "h w c"], form: str, icc: bytes | None, exif: bytes | None = None
) -> bytes:
    """A PNG or TIFF file of RGB or RGBA (straight alpha) with 16 bits a channel, losslessly compressed.

    `exif`, as Pillow has it, goes into PNG only.
    """
    if form == "TIFF":
        import tifffile

        file = io.BytesIO()
        extra = ["unassalpha"] if levels.shape[2] == 4 else None
        tifffile.imwrite(
            file,
            levels,
            photometric="rgb",
            extrasamples=extra,
            compression="zlib",
            iccprofile=icc,
            metadata=None,
        )
        return file.getvalue()
    import cv2

    order = [2, 1, 0, 3][: levels.shape[2]]
    written, data = cv2.imencode(".png", levels[..., order], [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not written:
        raise ValueError("OpenCV could not encode it")
    png = data.tobytes()
    profile = _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc)) if icc else b""
    tags = _chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")) if exif else b""
    return png[:33] + profile + tags + png[33:]  # behind IHDR, which ends at byte 33 of every PNG


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
