"""Scores a folder of results, whoever made them: against a folder of originals, or by themselves."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Array, Float, UInt8

from smlnet_jax.data.decode import decode
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation.measures import PLAIN, Columns, Image, Wanted, collect, size, unit
from smlnet_jax.evaluation.pairing import LISTED, Pair
from smlnet_jax.metrics import band_floor, band_psnr, psnr, ssim


@dataclass(frozen=True)
class FolderScores:
    """Per-image scores by column, in the order of `names`; scores of the set as a whole; and why what is left
    out could not be had."""

    names: tuple[str, ...]
    columns: Mapping[str, Float[np.ndarray, " n"]]
    of_all: Mapping[str, float] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    def mean(self, column: str) -> float:
        """Over images, each of the same weight."""
        return float(self.columns[column].mean())


def score_pairs(pairs: Sequence[Pair], protocols: Sequence[str], wanted: Wanted = PLAIN) -> FolderScores:
    """Scores of every pair: PSNR and SSIM under `protocols`, PSNR by band, VIF, and what is `wanted` beyond.

    A measure that cannot be had for one image is left out for all. Raises `UserError` for files that are no
    images, for images too small, and with a list if any pair differs in size.
    """
    further = collect(wanted, paired=True)
    rows: list[Columns] = []
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
        rows.append(row | further.of(pair.name, sr, hr))
    if unlike:
        raise UserError(_unlike(unlike))
    return FolderScores(
        tuple(pair.name for pair in pairs), _columns(rows), further.of_all(), further.left_out
    )


def score_alone(folder: Path, files: Sequence[Path], wanted: Wanted) -> FolderScores:
    """Scores of results without originals, by what is `wanted` of measures that need none.

    Raises `UserError` for files that are no images, and with the reasons if no measure is left.
    """
    further = collect(wanted, paired=False)
    names = tuple(file.relative_to(folder).as_posix() for file in files)
    rows = [further.of(name, read_image(file), None) for name, file in zip(names, files, strict=True)]
    of_all = further.of_all()
    columns = _columns(rows)
    if not columns and not of_all:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in further.left_out.items())
        raise UserError(f"nothing could be measured of {folder}: {reasons}")
    return FolderScores(names, columns, of_all, further.left_out)


def read_image(path: Path) -> Image:
    """The pixels of a file. Raises `UserError` that names it if it is not there or no image."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give an image file") from error
    return decode(data, str(path))


def _unlike(lines: list[str]) -> str:
    more = [f"  and {len(lines) - LISTED:,} more"] if len(lines) > LISTED else []
    head = "a score compares pixel with pixel, and these differ in size; nothing was scored"
    return "\n".join([head, *lines[:LISTED], *more])


def _columns(rows: Sequence[Columns]) -> dict[str, Float[np.ndarray, " n"]]:
    """Those that every image has: a measure that was left out on the way is not in the last row."""
    return {column: np.array([row[column] for row in rows]) for column in rows[-1]}


def _score(sr: Image, hr: Image, protocols: tuple[str, ...]) -> Columns:
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
    sr, hr = unit(sr), unit(hr)
    scored = {protocol: (psnr(sr, hr, protocol), ssim(sr, hr, protocol)) for protocol in protocols}
    return scored, band_psnr(sr, hr), band_floor(hr)
