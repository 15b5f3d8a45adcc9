"""Measures beyond the protocols: those that an image may be unfit for, or whose weights may be missing.

A measure that cannot be had is left out with the reason; nothing takes its place.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from smlnet_jax.data.degrade import make_lr
from smlnet_jax.errors import UserError
from smlnet_jax.metrics import vif
from smlnet_jax.metrics.fid import Gaussian, Moments, frechet_distance, read_gaussian
from smlnet_jax.metrics.inception import Inception
from smlnet_jax.metrics.lpips import Lpips, lpips, read_lpips
from smlnet_jax.metrics.niqe import niqe, read_natural_model
from smlnet_jax.restoration.align import canonical_landmarks
from smlnet_jax.restoration.consistency import lr_consistency
from smlnet_jax.restoration.identity import SFace

Image = UInt8[np.ndarray, "h w 3"]
Columns = dict[str, float]
OfPair = Callable[[Image, Image], float]  # of a result and its original
OfOne = Callable[[Image], float]  # of any image
Measure = Callable[[Image, Image | None], Columns]  # of a result and its original, where there is one


@dataclass(frozen=True)
class Wanted:
    """What is asked for beyond the protocols; paths are of weights that the user brings."""

    scale: int = 0  # LR consistency at this scale; 0: not asked for
    identity: bool = False
    lpips: Path | None = None
    fid: Path | None = None
    fid_reference: Path | None = None  # statistics that take the originals' place
    no_reference: bool = False
    niqe: Path | None = None


PLAIN = Wanted()


@dataclass
class Collected:
    """Measures by name, and why some are left out. The images' scores are asked for one after another."""

    measures: dict[str, Measure]
    fid: SetDistance | None
    left_out: dict[str, str]

    def of(self, name: str, sr: Image, hr: Image | None) -> Columns:
        """Scores of one image; a measure that it is unfit for is left out from here on."""
        columns: Columns = {}
        for measure, score in list(self.measures.items()):
            try:
                columns |= score(sr, hr)
            except UserError as error:
                self.left_out[measure] = f"{name}: {error}"
                del self.measures[measure]
        if self.fid:
            try:
                self.fid.add(sr, hr)
            except UserError as error:
                self.left_out["fid"], self.fid = f"{name}: {error}", None
        return columns

    def of_all(self) -> Columns:
        """Scores of the images as a set."""
        if self.fid:
            try:
                return {"fid": self.fid.compute()}
            except UserError as error:
                self.left_out["fid"] = str(error)
        return {}


def collect(wanted: Wanted, *, paired: bool) -> Collected:
    """The measures that can be had; without originals only those that need none."""
    of_pairs: dict[str, Callable[[], OfPair]] = {"vif": lambda: _vif}
    if wanted.scale:
        of_pairs["lr_consistency"] = lambda: functools.partial(_lr_consistency, wanted.scale)
    if wanted.identity:
        of_pairs["identity"] = lambda: functools.partial(_identity, SFace())
    if wanted.lpips:
        of_pairs["lpips"] = functools.partial(_lpips, wanted.lpips)
    of_one: dict[str, Callable[[], OfOne]] = {}
    if wanted.no_reference:
        of_one["blur"] = _blur
    if wanted.niqe:
        of_one["niqe"] = functools.partial(_niqe, wanted.niqe)
    makers: dict[str, Callable[[], Measure]] = {
        **{name: functools.partial(_pairwise, name, make) for name, make in of_pairs.items() if paired},
        **{name: functools.partial(_single, name, make) for name, make in of_one.items()},
    }
    found = Collected({}, None, {})
    for name, make in makers.items():
        try:
            found.measures[name] = make()
        except UserError as error:
            found.left_out[name] = str(error)
    if wanted.fid:
        try:
            found.fid = SetDistance.read(wanted.fid, wanted.fid_reference)
        except UserError as error:
            found.left_out["fid"] = str(error)
    return found


@dataclass
class SetDistance:
    """FID of the results seen so far: to their originals, or to a reference."""

    network: Inception
    reference: Gaussian | None
    moments: dict[str, Moments] = field(default_factory=dict)

    @classmethod
    def read(cls, weights: Path, reference: Path | None) -> SetDistance:
        return cls(Inception(weights), read_gaussian(reference) if reference else None)

    def add(self, sr: Image, hr: Image | None) -> None:
        self._add("sr", sr)
        if self.reference is None and hr is not None:
            self._add("hr", hr)

    def compute(self) -> float:
        reference = self.reference or self.moments["hr"].compute()
        return frechet_distance(self.moments["sr"].compute(), reference)

    def _add(self, side: str, image: Image) -> None:
        seen = Moments.of(self.network(image[None]))
        self.moments[side] = self.moments[side].merge(seen) if side in self.moments else seen


def size(image: Image) -> str:
    """Width and height, as people write them."""
    return f"{image.shape[1]}x{image.shape[0]}"


def unit(image: UInt8[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
    return image.astype(jnp.float32) / 255


def _pairwise(column: str, make: Callable[[], OfPair]) -> Measure:
    score = make()
    return lambda sr, hr: {} if hr is None else {column: score(sr, hr)}


def _single(column: str, make: Callable[[], OfOne]) -> Measure:
    """Of the originals as well, where there are any: what the measure says of perfection."""
    score = make()

    def measure(sr: Image, hr: Image | None) -> Columns:
        columns = {column: score(sr)}
        return columns if hr is None else columns | {f"{column}_hr": score(hr)}

    return measure


def _vif(sr: Image, hr: Image) -> float:
    value = _jitted_vif(sr[None], hr[None]).item()
    if math.isnan(value):  # pictures of 8 bits are finite
        raise UserError("an original is flat, and shows nothing that could be lost")
    return value


@jax.jit
def _jitted_vif(sr: UInt8[Array, "1 h w 3"], hr: UInt8[Array, "1 h w 3"]) -> Float[Array, " 1"]:
    return vif(unit(sr), unit(hr))


def _lpips(path: Path) -> OfPair:
    weights = read_lpips(path)
    return lambda sr, hr: _jitted_lpips(weights, sr[None], hr[None]).item()


@jax.jit
def _jitted_lpips(
    weights: Lpips, sr: UInt8[Array, "1 h w 3"], hr: UInt8[Array, "1 h w 3"]
) -> Float[Array, " 1"]:
    return lpips(weights, unit(sr), unit(hr))


def _lr_consistency(scale: int, sr: Image, hr: Image) -> float:
    if hr.shape[0] % scale or hr.shape[1] % scale:
        raise UserError(f"{size(hr)} is no multiple of {scale}, so there is no LR of x{scale}")
    return lr_consistency(sr.astype(np.float32) / 255, make_lr(hr, scale).astype(np.float32) / 255)


def _identity(sface: SFace, sr: Image, hr: Image) -> float:
    if hr.shape[0] != hr.shape[1]:
        raise UserError(f"{size(hr)} is not square, so it is no canonical crop")
    landmarks = canonical_landmarks(hr.shape[0])
    return sface.similarity(sr.astype(np.float32) / 255, hr.astype(np.float32) / 255, landmarks)


def _blur() -> OfOne:
    try:
        from skimage.measure import blur_effect
    except ImportError as error:
        raise UserError(
            "it needs scikit-image, which is not installed; `pip install scikit-image`"
        ) from error
    return lambda image: float(blur_effect(image, channel_axis=2))


def _niqe(path: Path) -> OfOne:
    return functools.partial(niqe, read_natural_model(path))
