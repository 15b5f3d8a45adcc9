"""The faces that figures show, and what networks make of them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

from smlnet_jax.data.degrade import make_lr
from smlnet_jax.data.sources import Face, FolderSource, ImageSource, centre_square, open_source
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation.evaluate import Predictor, pil_bicubic, predict
from smlnet_jax.metrics import protocols, psnr

Images = UInt8[np.ndarray, "n h w 3"]

_BATCH = 16


@dataclass(frozen=True)
class Faces:
    """Originals and what bicubic makes of them. Pictures show the first `shown`, curves are over all."""

    names: tuple[str, ...]
    shown: int
    hr: Images
    lr: Images
    bicubic: Images

    @property
    def size(self) -> int:
        return self.hr.shape[1]

    @property
    def scale(self) -> int:
        return self.size // self.lr.shape[1]


@dataclass(frozen=True)
class Restored:
    """A network's 8-bit pictures of all faces; `fre` is I_fre, None for a network without it."""

    label: str
    model: Predictor
    params: Any
    sr: Images
    fre: Images | None


def read_faces(
    text: str,
    *,
    size: int = 128,
    scale: int = 8,
    lr_kernel: str = "pil_bicubic",
    names: Sequence[str] = (),
    images: int = 4,
    limit: int = 100,
) -> Faces:
    """The faces `names` of a source (see data/sources.py), or its first `images`; and others, up to `limit`.

    Larger ones are brought to size x size as training does. Raises `UserError` for names that are not there
    and for faces that are too small.
    """
    if size % scale:
        raise UserError(
            f"--scale={scale} does not divide --size={size}, so there is no LR; change one of them"
        )
    source = open_source(text)
    chosen = _indices(source, text, names) or list(range(min(images, len(source))))
    others = [i for i in range(min(limit + len(chosen), len(source))) if i not in chosen]
    order = [*chosen, *others][: max(limit, len(chosen))]
    faces = [_sized(source[i], text, size) for i in order]
    lr = [
        make_lr(face.image, scale, lr_kernel, np.random.default_rng((0, i)))  # as eval.py draws for face i
        for i, face in zip(order, faces, strict=True)
    ]
    return Faces(
        names=tuple(face.name for face in faces),
        shown=len(chosen),
        hr=np.stack([face.image for face in faces]),
        lr=np.stack(lr),
        bicubic=pil_bicubic(np.stack(lr), size),
    )


def restore(label: str, model: Predictor, params: Any, faces: Faces) -> Restored:
    """What the network makes of all faces, quantised as it would be saved.

    Raises `UserError` if it cannot take the size, or gives a NaN or infinity.
    """
    stride = getattr(getattr(model, "config", None), "stride", 1)
    if faces.size % stride:
        raise UserError(f"{label} takes sizes divisible by {stride}, not {faces.size}; give another --size")
    sr: list[Images] = []
    fre: list[Images] = []
    for start in range(0, len(faces.lr), _BATCH):
        lr = faces.lr[start : start + _BATCH]
        padded = np.concatenate([lr, np.repeat(lr[:1], min(_BATCH, len(faces.lr)) - len(lr), 0)])
        output = jax.device_get(predict(model, params, padded, faces.size))
        if not np.isfinite(output.sr).all():
            raise UserError(f"{label} gives NaN or infinity on these faces; its weights are broken")
        sr.append(_quantise(output.sr))
        if output.fre is not None:
            fre.append(_quantise(output.fre))
    count = len(faces.lr)  # without the padding of the last batch
    i_fre = np.concatenate(fre)[:count] if fre else None
    return Restored(label, model, params, np.concatenate(sr)[:count], i_fre)


def methods(faces: Faces, networks: Sequence[Restored]) -> dict[str, Images]:
    """{title: pictures} of what is compared: bicubic, then I_fre and I_spa of one network, or the results of
    several."""
    columns = {"bicubic": faces.bicubic}
    if len(networks) == 1 and networks[0].fre is not None:
        return columns | {"I_fre": networks[0].fre, "I_spa": networks[0].sr}
    return columns | {network.label: network.sr for network in networks}


def score(images: Images, hr: Images, protocol: str) -> Float[np.ndarray, " n"]:
    """PSNR in dB of each picture."""
    return np.asarray(psnr(_unit(images), _unit(hr), protocol), np.float64)


def luma(images: Images) -> Float[np.ndarray, "n h w"]:
    """Y in studio range, 16 to 235, not quantised."""
    return np.asarray(protocols.get("basicsr").view(_unit(images)))[..., 0]


def _unit(images: Images) -> Float[jax.Array, "n h w 3"]:
    return jnp.asarray(images, jnp.float32) / 255


def _quantise(images: Float[np.ndarray, "n h w 3"]) -> Images:
    return np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)


def _indices(source: ImageSource, text: str, names: Sequence[str]) -> list[int]:
    if not names:
        return []
    known = source.names if isinstance(source, FolderSource) else [face.name for face in source]  # type: ignore[attr-defined]
    index = {name: i for i, name in enumerate(known)}
    if unknown := [name for name in names if name not in index]:
        close = difflib.get_close_matches(unknown[0], index, n=1) or list(index)[:3]
        raise UserError(f"{text} has no {', '.join(unknown)}; give names such as {', '.join(close)}")
    return [index[name] for name in dict.fromkeys(names)]


def _sized(face: Face, text: str, size: int) -> Face:
    height, width = face.image.shape[:2]
    if min(height, width) < size:
        raise UserError(
            f"{face.name} of {text} is {width}x{height}, and --size={size} needs at least {size}x{size}; "
            "drop it, or give a smaller --size"
        )
    return face if (height, width) == (size, size) else Face(face.name, centre_square(face.image, size))
