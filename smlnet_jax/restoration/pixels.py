"""What Pillow's modes mean: any opened picture as RGB levels, alpha and an RGB profile, turned upright.

8 bits stay 8 and 16 stay 16. CMYK, Lab and grey become sRGB, by their own profile where there is one.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from jaxtyping import Shaped, UInt16
from PIL import Image, ImageCms

BITS, PHOTOMETRIC, PLANAR, SUBFILE = 258, 262, 284, 254  # TIFF tags
PROFILE_SPACES = {"CMYK": b"CMYK", "L": b"GRAY", "LAB": b"Lab "}


def bits(image: Image.Image) -> int:
    """Bits a channel in the file, which Pillow's mode hides. Before `load()`, which forgets."""
    tiff: Any = getattr(image, "tag_v2", None)
    if tiff is not None:
        return max(tiff.get(BITS, (8,)))
    return 16 if any(";16" in str(tile[3]) for tile in getattr(image, "tile", ())) else 8


def has_wide_planes(image: Image.Image) -> bool:
    """TIFF with 16 bits and a plane for each colour: Pillow and OpenCV both misread it without a word."""
    tiff: Any = getattr(image, "tag_v2", {})
    return tiff.get(PLANAR, 1) == 2 and bits(image) == 16 and len(tiff.get(BITS, ())) > 1


def count_pictures(image: Image.Image) -> int:
    """Frames or pages, not counting the smaller copies that TIFF may hold of a page."""
    frames = getattr(image, "n_frames", 1)
    tiff: Any = getattr(image, "tag_v2", None)
    if frames == 1 or tiff is None:
        return frames
    pages = 0
    for page in range(frames):
        image.seek(page)
        pages += not tiff_tag(image, SUBFILE, 0) & 1
    image.seek(0)
    return pages


def tiff_tag(image: Image.Image, tag: int, default: int) -> int:
    """A tag of the current page; `default` for other formats."""
    tiff: Any = getattr(image, "tag_v2", {})
    return tiff.get(tag, default)


def levels(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None, bytes | None]:
    """`(rgb [h, w, 3], alpha [h, w] or None, ICC profile or None)` of a loaded picture, as stored (not yet
    upright).

    uint16 for 16-bit grey, else uint8. Raises ValueError for numbers whose range nobody knows.
    """
    icc = image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":
        rgb = _grey(image)
        key = image.info.get("transparency")  # PNG may name one grey level as transparent
        alpha = np.where(rgb[..., 0] == key, 0, 65535).astype(np.uint16) if isinstance(key, int) else None
        return managed_grey(rgb, icc), alpha, None
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        managed = _colour_managed(image.convert("L"), icc) if image.mode in ("L", "LA") else None
        return rgba[..., :3] if managed is None else np.asarray(managed), rgba[..., 3], _rgb_profile(icc)
    managed = _colour_managed(image, icc)
    if managed is not None:
        return np.asarray(managed), None, None
    return np.asarray(image.convert("RGB")), None, _rgb_profile(icc)


def upright(array: Shaped[np.ndarray, "h w *c"], orientation: int) -> np.ndarray:
    """Undoes EXIF orientation 1 to 8 (EXIF 2.3, 4.6.4); anything else means 1. Always a contiguous copy."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array.copy()


def _grey(image: Image.Image) -> UInt16[np.ndarray, "h w 3"]:
    """16-bit grey, which `convert("RGB")` would saturate."""
    grey = np.asarray(image)
    if image.mode == "F" or grey.min() < 0 or grey.max() > 65535:
        kind = "floating-point numbers" if image.mode == "F" else "signed or 32-bit integers"
        raise ValueError(f"holds {kind} of unknown range; save it with 8 or 16 bits a channel")
    grey = grey.astype(np.uint16)
    if tiff_tag(image, PHOTOMETRIC, 1) == 0:  # 0 is white; Pillow turns round 8 bits, but not 16
        grey = 65535 - grey
    return np.repeat(grey[..., None], 3, axis=2)


def managed_grey(rgb: UInt16[np.ndarray, "h w 3"], icc: bytes | None) -> UInt16[np.ndarray, "h w 3"]:
    """16-bit grey in sRGB by its profile, whose curve is drawn through 256 levels that Pillow converts."""
    ramp = np.arange(256)
    curve = _colour_managed(Image.fromarray(ramp.astype(np.uint8)[None]), icc)
    if curve is None:
        return rgb
    levels = np.interp(np.arange(65536), ramp * 257, np.asarray(curve)[0, :, 0] * 257.0)
    return np.rint(levels).astype(np.uint16)[rgb]


def _colour_managed(image: Image.Image, icc: bytes | None) -> Image.Image | None:
    """In sRGB, where the profile speaks of the file's own channels; None where there is nothing to go by."""
    if image.mode not in PROFILE_SPACES:
        return None
    try:
        if icc and icc[16:20] == PROFILE_SPACES[image.mode]:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        elif image.mode == "LAB":  # Pillow itself converts it as if the axes were unsigned
            profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        else:
            return None
        srgb, intent = ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC
        # Little CMS draws a curve through 33 points unless told not to: dark grey is then off by 10 levels.
        exact = ImageCms.Flags.NOOPTIMIZE if image.mode == "L" else ImageCms.Flags.NONE
        return ImageCms.profileToProfile(image, profile, srgb, intent, "RGB", flags=exact)
    except (ImageCms.PyCMSError, OSError):
        return None  # a damaged profile must not cost the picture


def _rgb_profile(icc: bytes | None) -> bytes | None:
    """A profile of another colour space would make every viewer misread the RGB that is written."""
    return icc if icc and icc[16:20] == b"RGB " else None
