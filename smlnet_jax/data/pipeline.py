"""From a source to batches. Batch n is the same pixels however often a run was stopped and whoever reads it.

Everything random is a function of (seed, position in the global order): the shuffle, which is a new one each
epoch, the augmentation, the blind degradation. So the position in the data is the step, and there is no state
to keep.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from smlnet_jax.config import DataConfig
from smlnet_jax.data.degrade import Blind, make_lr
from smlnet_jax.data.sources import Face, ImageSource, open_source
from smlnet_jax.errors import UserError

_ENDLESS = 2**53  # images of a run; beyond it Grain's count of batches, taken as a float, overflows


class Batch(NamedTuple):
    """HR faces, LR made of them, and their names."""

    hr: UInt8[np.ndarray, "b H W 3"]
    lr: UInt8[np.ndarray, "b h w 3"]
    names: tuple[str, ...]


class Pair(NamedTuple):
    """One face of a batch."""

    hr: UInt8[np.ndarray, "H W 3"]
    lr: UInt8[np.ndarray, "h w 3"]
    name: str


def training_batches(
    config: DataConfig,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[Batch]:
    """Batches `start_step`, `start_step` + 1, ... without end; of each the images that are this process's.

    `batch_size` is global: process p reads images p, p + count, ... of it, and decodes no other. Raises
    `UserError` for a source that cannot be opened, and, when it comes to it, for a face that cannot be used.
    """
    import grain  # here, so that scoring does without it

    if batch_size % process_count:
        raise UserError(f"train.batch_size={batch_size} must be divisible by the {process_count} processes")
    source = open_source(config.train, config.size)

    def pair(index: int, face: Face) -> Pair:
        return _pair(face, config, np.random.default_rng((seed, index)))

    batches = (
        grain.MapDataset.source(source)
        .shuffle(seed)
        .repeat()
        .map_with_index(pair)
        .slice(slice(start_step * batch_size + process_index, _ENDLESS, process_count))
        .batch(batch_size // process_count, batch_fn=_stack)
    )
    options = grain.ReadOptions(num_threads=config.threads, prefetch_buffer_size=2 * config.threads)
    return iter(batches.to_iter_dataset(options))


def evaluation_batches(
    source: ImageSource, *, scale: int, lr_kernel: str, batch_size: int, limit: int = 0
) -> Iterator[tuple[Batch, Bool[np.ndarray, " b"]]]:
    """The first `limit` faces (0 = all) in order, and which of each batch are real: the last one is padded.

    Faces must be of one size that `scale` divides. `blind` degrades face i the same way every time.
    """
    count = min(limit, len(source)) if limit else len(source)
    for start in range(0, count, batch_size):
        faces = [source[i] for i in range(start, min(start + batch_size, count))]
        for name, image in faces:
            if image.shape != faces[0].image.shape or image.shape[0] % scale or image.shape[1] % scale:
                raise UserError(
                    f"{name} of {source.description} is {image.shape[1]}x{image.shape[0]}; faces that are "
                    f"scored together must be of one size that data.scale={scale} divides"
                )
        pairs = [
            Pair(image, make_lr(image, scale, lr_kernel, np.random.default_rng((0, start + i))), name)
            for i, (name, image) in enumerate(faces)
        ]
        padding = batch_size - len(pairs)
        yield _stack(pairs + pairs[:1] * padding), np.arange(batch_size) < len(pairs)


def _pair(face: Face, config: DataConfig, rng: np.random.Generator) -> Pair:
    """Zoom into a random place, flip by a coin, then shrink."""
    zoom, x, y, coin = rng.uniform(config.zoom[0], config.zoom[1]), *rng.random(3)
    image = face.image
    if config.zoom[1] > 1:
        side = config.size / zoom
        left, top = x * (config.size - side), y * (config.size - side)
        square, box = (config.size, config.size), (left, top, left + side, top + side)
        image = np.asarray(Image.fromarray(image).resize(square, Image.Resampling.BICUBIC, box))
    if config.hflip and coin < 0.5:
        image = image[:, ::-1]
    image = np.ascontiguousarray(image)
    blind = Blind(config.blind_blur, config.blind_noise, config.blind_jpeg)
    return Pair(image, make_lr(image, config.scale, config.lr_kernel, rng, blind), face.name)


def _stack(pairs: Sequence[Pair]) -> Batch:
    hr, lr, names = zip(*pairs, strict=True)
    return Batch(np.stack(hr), np.stack(lr), names)
