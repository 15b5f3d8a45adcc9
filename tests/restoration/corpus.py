"""Pictures of every kind that a folder of old photographs may hold, good and bad, made from numbers."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def colours(height: int = 24, width: int = 32, seed: int = 0) -> np.ndarray:
    """A smooth uint8 picture that differs in every direction and channel."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def wide_colours(height: int = 24, width: int = 32, channels: int = 3) -> np.ndarray:
    """uint16 noise: every low byte matters."""
    return np.random.default_rng(1).integers(0, 65536, (height, width, channels), dtype=np.uint16)


def encoded(image: Image.Image | np.ndarray, form: str, **options) -> bytes:
    file = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(file, form, **options)
    return file.getvalue()


def oriented(orientation: int, form: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x013B] = "A. Photographer"
    return encoded(
        colours(), form, exif=exif, **({"quality": 100, "subsampling": 0} if form == "JPEG" else {})
    )


def animated(form: str) -> bytes:
    frames = [Image.fromarray(colours(seed=seed)) for seed in range(3)]
    return encoded(frames[0], form, save_all=True, append_images=frames[1:])


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(side: int) -> bytes:
    """A PNG of side x side black dots, in a thousandth of the bytes."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    row = bytes(1 + (side + 7) // 8)
    pixels = zlib.compress(row * side, 9)
    parts = (png_chunk(b"IHDR", header), png_chunk(b"IDAT", pixels), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def cmyk_profile() -> bytes:
    """The smallest CMYK profile (ICC v2, output class): an 8-bit table of 2^4 nodes.

    Cyan ink, unlike any printer's, is a neutral grey in it, so that a conversion which ignores it shows.
    """
    nodes = bytearray()
    for node in range(16):
        cyan, magenta, yellow, black = ((node >> shift) & 1 for shift in (3, 2, 1, 0))
        lightness = 0 if black else 255 - 128 * cyan - 40 * magenta - 20 * yellow
        nodes += bytes((max(lightness, 0), 128 + 60 * magenta, 128 + 60 * yellow))
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    ramp = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + ramp * 4 + bytes(nodes) + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table})


def grey_profile() -> bytes:
    """Grey whose levels are proportional to light (gamma 1): far brighter in sRGB than the same numbers."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": b"curv" + bytes(8)})


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {**tags, b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)}
    offset, entries, body = 132 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        entries += name + struct.pack(">II", offset + len(body), len(data))
        body += data
    header = struct.pack(">I4sI4s4s4s", offset + len(body), b"none", 0x02100000, kind, space, connection)
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + entries + body


def good_files() -> dict[str | bytes, bytes]:
    """Name to content, of files that must be restored."""
    import cv2

    photo = Image.fromarray(colours())
    wide = wide_colours()
    return {
        "a.jpg": encoded(photo, "JPEG"),
        "a.png": encoded(photo, "PNG"),
        "A.PNG": encoded(photo, "PNG"),
        "grey.jpg": encoded(photo.convert("L"), "JPEG"),
        "cmyk.jpg": encoded(photo.convert("CMYK"), "JPEG"),
        "palette.png": encoded(photo.quantize(16), "PNG"),
        "dots.png": encoded(photo.convert("1"), "PNG"),
        "clear.webp": encoded(photo.convert("RGBA"), "WEBP", lossless=True),
        "grey16.png": encoded(wide[..., 0], "PNG"),
        "grey16.tif": encoded(wide[..., 0], "TIFF"),
        "colour16.png": cv2.imencode(".png", wide)[1].tobytes(),
        "plain.bmp": encoded(photo, "BMP"),
        "turned.jpg": oriented(6),
        "views.jpg": animated("MPO"),
        "dot.png": encoded(photo.crop((0, 0, 1, 1)), "PNG"),
        "line.png": encoded(np.zeros((1, 5000, 3), np.uint8), "PNG"),
        "column.png": encoded(np.zeros((5000, 1, 3), np.uint8), "PNG"),
        "with space.png": encoded(photo, "PNG"),
        "line\nbreak.png": encoded(photo, "PNG"),
        "Ünïcödé 写真.png": encoded(photo, "PNG"),
        b"latin-\xe9.png": encoded(photo, "PNG"),
        "png inside.jpg": encoded(photo, "PNG"),
    }


def bad_files() -> dict[str | bytes, tuple[bytes, str]]:
    """Name to content, and what the refusal must say, of files that cannot be restored."""
    jpeg, png = encoded(colours(200, 200), "JPEG"), encoded(colours(200, 200), "PNG")
    return {
        "empty.jpg": (b"", "is empty"),
        "zeros.png": (bytes(4096), "zero bytes"),
        "half.jpg": (jpeg[: len(jpeg) // 2], "cut short"),
        "half.png": (png[: len(png) // 2], "cut short"),
        "header.png": (png[:40], "cut short"),
        "half.webp": (encoded(colours(200, 200), "WEBP")[:400], "cut short"),
        "half.tif": (encoded(colours(200, 200), "TIFF")[:50_000], "cut short"),
        "half.bmp": (encoded(colours(200, 200), "BMP")[:50_000], "cut short"),
        "notes.jpg": (b"milk, bread, butter\n" * 20, "is not a picture"),
        "bomb.png": (bomb(20_000), "pixels"),
        "large.png": (bomb(12_000), "more than the limit"),
        "moving.png": (animated("PNG"), "is animated (3 frames)"),
        "moving.webp": (animated("WEBP"), "is animated (3 frames)"),
        "moving.gif": (animated("GIF"), "is a GIF"),
        "pages.tif": (animated("TIFF"), "has 3 pages"),
        "numbers.tif": (encoded(Image.new("F", (8, 8), 0.5), "TIFF"), "floating-point"),
        "phone.heic": (b"\0\0\0\x18ftypheic" + bytes(40), "HEIF"),
    }


def write_files(folder: Path, files: dict[str | bytes, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / os.fsdecode(name)).write_bytes(content)
