"""Scores a model on data sets: LR made from HR, restored, measured beside bicubic under every protocol.

Bicubic is always scored along: its row says whether the data, the crop and the metric code are what one
thinks they are, before anybody looks at the model's. It is the field's bicubic, a picture that PIL has
enlarged in 8 bits; the network's input X is the same without PIL's roundings, and scores up to 0.003 dB
higher.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Float, UInt8
from PIL import Image

from smlnet_jax.data.pipeline import Batch, evaluation_batches
from smlnet_jax.errors import UserError
from smlnet_jax.metrics import PROTOCOLS, Mean, psnr, ssim
from smlnet_jax.models import Output
from smlnet_jax.ops.resize import upsample
from smlnet_jax.restoration.align import canonical_landmarks
from smlnet_jax.restoration.identity import SFace

if TYPE_CHECKING:
    from smlnet_jax.data.sources import ImageSource


class Predictor(Protocol):
    """What is needed of a model here: hashable, and pure."""

    def apply(self, params: Any, x: Float[Array, "b h w 3"]) -> Output: ...


class Scores(NamedTuple):
    """Values an image, in the order of the data set (or batch)."""

    psnr: Float[np.ndarray | Array, " n"]
    ssim: Float[np.ndarray | Array, " n"]


class Pictures(NamedTuple):
    """What was scored, quantised as it would be saved; `fre` is I_fre, None for a network without it."""

    bicubic: UInt8[np.ndarray | Array, "n h w 3"]
    fre: UInt8[np.ndarray | Array, "n h w 3"] | None
    sr: UInt8[np.ndarray | Array, "n h w 3"]


@dataclass(frozen=True)
class SetResult:
    """One data set: names and per-image scores by protocol, and the pictures of its first images."""

    names: tuple[str, ...]
    model: Mapping[str, Scores]
    bicubic: Mapping[str, Scores]
    samples: Mapping[str, UInt8[np.ndarray, "n h w 3"]]  # columns for `figures.sample_grid`
    identity: Mapping[str, Float[np.ndarray, " n"]] = field(default_factory=dict)  # model, bicubic: cosines

    def mean(self, protocol: str, who: str = "model") -> tuple[float, float]:
        """Mean PSNR (dB) and SSIM of `who`: model or bicubic. Each image weighs the same."""
        scores = {"model": self.model, "bicubic": self.bicubic}[who][protocol]
        return float(Mean.of(scores.psnr).compute()), float(Mean.of(scores.ssim).compute())

    def mean_identity(self) -> dict[str, float]:
        """Mean cosine of model and bicubic; empty if identity was not scored."""
        return {who: float(cosines.mean()) for who, cosines in self.identity.items()}

    def first_nonfinite(self) -> str | None:
        """Name of the first image whose restoration held a NaN or infinity."""
        broken = np.isnan(next(iter(self.model.values())).psnr)
        return self.names[int(np.argmax(broken))] if broken.any() else None


@dataclass(frozen=True)
class Results:
    """What `evaluate` found, by data set."""

    scale: int
    lr_kernel: str
    datasets: Mapping[str, SetResult]

    def to_json(self, weights: str, *, own: bool = False) -> dict[str, Any]:
        """The content of eval.json; `own`: the weights are those of the workdir that it is written into.

        A mean that is not finite is null: JSON has no other word for it.
        """

        def means(found: SetResult, who: str) -> dict[str, dict[str, float | None]]:
            return {
                protocol: {
                    metric: value if np.isfinite(value) else None
                    for metric, value in zip(("psnr", "ssim"), found.mean(protocol, who), strict=True)
                }
                for protocol in found.model
            }

        return {
            "weights": weights,
            "own": own,
            "scale": self.scale,
            "lr_kernel": self.lr_kernel,
            "datasets": {
                name: {
                    "n": len(found.names),
                    "protocols": means(found, "model"),
                    "bicubic": means(found, "bicubic"),
                    **({"identity": found.mean_identity()} if found.identity else {}),
                }
                for name, found in self.datasets.items()
            },
        }


def evaluate(
    model: Predictor | None,
    params: Any,
    sources: Mapping[str, ImageSource],
    *,
    scale: int,
    lr_kernel: str = "pil_bicubic",
    protocols: Sequence[str] = tuple(PROTOCOLS),
    batch_size: int = 16,
    limit: int = 0,
    samples: int = 0,
    identity: bool = False,
) -> Results:
    """Scores `model` on the first `limit` images (0 = all) of each source, beside bicubic.

    Without a model (None) bicubic is also what is scored. Pictures of the first `samples` images are kept.
    `identity` adds the cosine of SFace embeddings to the original's, for canonically aligned crops.
    The last batch is padded, and its padding is counted nowhere.

    Under an ambient mesh (`jax.set_mesh`) the batch is split over its "data" axis, and `params` may be
    sharded in any way. With several processes all must call it: each reads every image, computes its part of
    each batch, and returns the same Results.
    """
    if not protocols:
        raise UserError(f"eval.protocols is empty; choose of {', '.join(PROTOCOLS)}")
    most = max(map(len, sources.values()))
    batch_size = _divisible(min(batch_size, most, limit or most))
    sface = SFace() if identity else None
    datasets = {}
    for name, source in sources.items():
        batches = evaluation_batches(
            source, scale=scale, lr_kernel=lr_kernel, batch_size=batch_size, limit=limit
        )
        scored = _score_each(model, params, batches, tuple(protocols))
        datasets[name] = _collect(scored, protocols, samples, sface)
    return Results(scale, lr_kernel, datasets)


@functools.partial(jax.jit, static_argnames=("model", "size"))
def predict(model: Predictor, params: Any, lr: UInt8[Array, "b h w 3"], size: int) -> Output:
    """The network's unclipped float32 outputs for 8-bit LR images, upsampled to `size` x `size`."""
    return model.apply(params, upsample(lr.astype(jnp.float32) / 255, size))


@functools.partial(jax.jit, static_argnames=("model", "protocols"))
def _score(
    model: Predictor | None,
    params: Any,
    lr: UInt8[Array, "b h w 3"],
    bicubic: UInt8[Array, "b H W 3"],
    hr: UInt8[Array, "b H W 3"],
    protocols: tuple[str, ...],
) -> tuple[dict[str, Scores], dict[str, Scores], Pictures]:
    """Scores of the model, scores of bicubic, and the pictures; jitted once a model and shape."""
    original, baseline = (image.astype(jnp.float32) / 255 for image in (hr, bicubic))
    output = Output(baseline) if model is None else predict(model, params, lr, hr.shape[1])

    def scores(image):
        return {p: Scores(psnr(image, original, p), ssim(image, original, p)) for p in protocols}

    fre = None if output.fre is None else quantise(output.fre)
    return scores(output.sr), scores(baseline), Pictures(bicubic, fre, quantise(output.sr))


def quantise(image: Float[Array, "b h w 3"]) -> UInt8[Array, "b h w 3"]:
    """[0, 1] as it would be saved: clipped, rounded to 8 bits."""
    return jnp.round(jnp.clip(image, 0, 1) * 255).astype(jnp.uint8)


def pil_bicubic(lr: UInt8[np.ndarray, "b h w 3"], size: int) -> UInt8[np.ndarray, "b size size 3"]:
    """The calibration row: PIL's bicubic, 8 bits after each of its two passes."""
    bicubic = Image.Resampling.BICUBIC
    return np.stack([np.asarray(Image.fromarray(image).resize((size, size), bicubic)) for image in lr])


def _score_each(
    model: Predictor | None,
    params: Any,
    batches: Iterable[tuple[Batch, np.ndarray]],
    protocols: tuple[str, ...],
) -> Iterator[tuple[Batch, np.ndarray, Any]]:
    """Yields (batch, mask, what `_score` found), one late: the device has its next batch before we wait."""
    waiting = None
    for batch, mask in batches:
        images = (batch.lr, pil_bicubic(batch.lr, batch.hr.shape[1]), batch.hr)
        scored = batch, mask, _score(model, params, *map(_shard, images), protocols)
        if waiting is not None:
            yield waiting
        waiting = scored
    if waiting is not None:
        yield waiting


def _collect(
    scored: Iterable[tuple[Batch, np.ndarray, Any]],
    protocols: Sequence[str],
    samples: int,
    sface: SFace | None,
) -> SetResult:
    names: list[str] = []
    rows: list[Any] = []
    columns: list[dict[str, np.ndarray]] = []
    cosines: list[dict[str, np.ndarray]] = []
    for batch, mask, (model, bicubic, pictures) in scored:
        real = np.flatnonzero(mask)
        rows.append(jax.tree.map(lambda x, real=real: _fetch(x)[real].astype(np.float64), (model, bicubic)))
        if len(names) < samples or sface:
            pictures = jax.tree.map(_fetch, pictures)
        if len(names) < samples:
            columns.append(_columns(batch, pictures, real[: samples - len(names)]))
        if sface:
            cosines.append(_cosines(sface, batch.hr[real], pictures.sr[real], pictures.bicubic[real]))
        names.extend(batch.names[i] for i in real)
    model, bicubic = jax.tree.map(lambda *parts: np.concatenate(parts), *rows)
    pictured = {title: np.concatenate([c[title] for c in columns]) for title in columns[0]} if columns else {}
    model, bicubic = (
        {name: by_name[name] for name in protocols} for by_name in (model, bicubic)
    )  # jit sorts
    identity = {who: np.concatenate([c[who] for c in cosines]) for who in cosines[0]} if cosines else {}
    return SetResult(tuple(names), model, bicubic, pictured, identity)


def _cosines(
    sface: SFace, hr: np.ndarray, sr: np.ndarray, bicubic: np.ndarray
) -> dict[str, Float[np.ndarray, " n"]]:
    """Of the embeddings of 8-bit results, and of bicubic's, to those of their originals."""
    landmarks = canonical_landmarks(hr.shape[1])
    originals, model, enlarged = (
        np.stack([sface.embed(x / np.float32(255), landmarks) for x in faces]) for faces in (hr, sr, bicubic)
    )
    return {"model": (model * originals).sum(1), "bicubic": (enlarged * originals).sum(1)}


def _columns(batch: Batch, pictures: Pictures, rows: np.ndarray) -> dict[str, np.ndarray]:
    """A comparison, left to right."""
    images = {
        "LR": batch.lr,
        "bicubic": pictures.bicubic,
        "I_fre": pictures.fre,
        "SR" if pictures.fre is None else "I_spa": pictures.sr,
        "HR": batch.hr,
    }
    return {title: np.asarray(column)[rows] for title, column in images.items() if column is not None}


def _divisible(batch_size: int) -> int:
    """The batch size, raised to a multiple of the devices that share it."""
    devices = max(1, jax.sharding.get_mesh().size)  # no mesh has size 0
    return -(-batch_size // devices) * devices


def _shard(images: np.ndarray) -> np.ndarray | Array:
    """Splits a batch, which every process holds whole, over the ambient mesh, if there is one."""
    mesh = jax.sharding.get_mesh()
    if mesh.empty:
        return images
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    return jax.make_array_from_callback(images.shape, sharding, lambda index: images[index])


def _fetch(x: Array) -> np.ndarray:
    """The whole array on this host, wherever its shards lie."""
    return np.asarray(x if x.is_fully_addressable else multihost_utils.process_allgather(x, tiled=True))
