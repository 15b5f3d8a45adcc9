"""Scores a folder of results, whoever made them, against a folder of originals."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from smlnet_jax.data.decode import decode
from smlnet_jax.data.degrade import make_lr
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation.pairing import LISTED, Pair
from smlnet_jax.metrics import band_floor, band_psnr, psnr, ssim, vif
from smlnet_jax.restoration.align import canonical_landmarks
from smlnet_jax.restoration.consistency import lr_consistency
from smlnet_jax.restoration.identity import SFace

Image = UInt8[np.ndarray, "h w 3"]
Measure = Callable[[Image, Image], float]  # of a restored image and its original


@dataclass(frozen=True)
class FolderScores:
    """Per-image scores by column, in the order of `names`; and why what is left out could not be had."""

    names: tuple[str, ...]
    columns: Mapping[str, Float[np.ndarray, " n"]]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def mean(self, column: str) -> float:
        """Over images, each of the same weight."""
        return float(self.columns[column].mean())


def score_pairs(
    pairs: Sequence[Pair], protocols: Sequence[str], *, scale: int = 0, identity: bool = False
) -> FolderScores:
    """Scores of every pair: PSNR and SSIM under `protocols`, PSNR by band, VIF.

    `scale` > 0 adds the LR consistency, for LR by Pillow's bicubic; `identity` the cosine of SFace, for faces
    in the canonical crop. A measure that cannot be had for one image is left out for all. Raises `UserError`
    for files that are no images, for images too small, and with a list if any pair differs in size.
    """
    measures, left_out = _further_measures(scale, identity)
    rows: list[dict[str, float]] = []
    unlike: list[str] = []
    for pair in pairs:
        sr, hr = read_image(pair.sr), read_image(pair.hr)
        if sr.shape != hr.shape:
            unlike.append(f"  {pair.name}: {size(sr)}, its original {size(hr)}")
        if unlike:
            continue
        try:
            row = _score(sr, hr, tuple(protocols))
        except UserError as error:
            raise UserError(f"{pair.name}: {error}") from error
        rows.append(row)
        for name, measure in list(measures.items()):
            try:
                row[name] = measure(sr, hr)
            except UserError as error:
                left_out[name] = f"{pair.name}: {error}"
                del measures[name]
    if unlike:
        raise UserError(_unlike(unlike))
    kept = [column for column in rows[-1] if column not in left_out]
    columns = {column: np.array([row[column] for row in rows]) for column in kept}
    return FolderScores(tuple(pair.name for pair in pairs), columns, left_out)


def read_image(path: Path) -> Image:
    """The pixels of a file. Raises `UserError` that names it if it is not there or no image."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give an image file") from error
    return decode(data, str(path))


def size(image: Image) -> str:
    """Width and height, as people write them."""
    return f"{image.shape[1]}x{image.shape[0]}"


def _unlike(lines: list[str]) -> str:
    more = [f"  and {len(lines) - LISTED:,} more"] if len(lines) > LISTED else []
    head = "a score compares pixel with pixel, and these differ in size; nothing was scored"
    return "\n".join([head, *lines[:LISTED], *more])


def _score(sr: Image, hr: Image, protocols: tuple[str, ...]) -> dict[str, float]:
    """{column: score} of one image, in the order of the tables."""
    scored, band, floor = jax.device_get(_scores(sr[None], hr[None], protocols))
    columns = {
        f"{protocol}_{metric}": scored[protocol][i].item()
        for protocol in protocols
        for i, metric in enumerate(("psnr", "ssim"))
    }
    for kind, values in (("psnr", band), ("floor", floor)):
        columns |= {f"band{i}_{kind}": value.item() for i, value in enumerate(values[0], 1)}
    return columns


@functools.partial(jax.jit, static_argnames="protocols")
def _scores(sr: UInt8[Array, "1 h w 3"], hr: UInt8[Array, "1 h w 3"], protocols: tuple[str, ...]):
    """PSNR and SSIM by protocol, PSNR by band, and its floor; compiled once a size."""
    sr, hr = _unit(sr), _unit(hr)
    scored = {protocol: (psnr(sr, hr, protocol), ssim(sr, hr, protocol)) for protocol in protocols}
    return scored, band_psnr(sr, hr), band_floor(hr)


def _further_measures(scale: int, identity: bool) -> tuple[dict[str, Measure], dict[str, str]]:
    """{column: measure} of those that an image may be unfit for; and why one is not to be had at all."""
    measures: dict[str, Measure] = {"vif": lambda sr, hr: _vif(sr[None], hr[None]).item()}
    left_out: dict[str, str] = {}
    if scale:
        measures["lr_consistency"] = functools.partial(_lr_consistency, scale)
    if identity:
        try:
            measures["identity"] = functools.partial(_identity, SFace())
        except UserError as error:
            left_out["identity"] = str(error)
    return measures, left_out


@jax.jit
def _vif(sr: UInt8[Array, "1 h w 3"], hr: UInt8[Array, "1 h w 3"]) -> Float[Array, " 1"]:
    return vif(_unit(sr), _unit(hr))


def _lr_consistency(scale: int, sr: Image, hr: Image) -> float:
    if hr.shape[0] % scale or hr.shape[1] % scale:
        raise UserError(f"{size(hr)} is no multiple of {scale}, so there is no LR of x{scale}")
    return lr_consistency(sr.astype(np.float32) / 255, make_lr(hr, scale).astype(np.float32) / 255)


def _identity(sface: SFace, sr: Image, hr: Image) -> float:
    if hr.shape[0] != hr.shape[1]:
        raise UserError(f"{size(hr)} is not square, so it is no canonical crop")
    landmarks = canonical_landmarks(hr.shape[0])
    return sface.similarity(sr.astype(np.float32) / 255, hr.astype(np.float32) / 255, landmarks)


def _unit(image: UInt8[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
    return image.astype(jnp.float32) / 255
