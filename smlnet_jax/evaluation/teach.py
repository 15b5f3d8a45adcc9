"""`smlnet data teach`: what a trained network makes of faces, as faces for another network to learn from.

A result is close to the mean of all faces that reduce to its LR, without what no network could know of one
of them. Learning from it takes far fewer steps than learning from the originals (knowledge distillation,
Hinton et al., 2015); who has learned it goes on with a share of the originals in it, which the teacher did
not get quite right. The results reduce to the LR that they were made of (ops/consistency.py): they are faces
to train on like any others.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8
from PIL import Image

from smlnet_jax.data.pipeline import evaluation_batches
from smlnet_jax.data.prepare import Progress
from smlnet_jax.data.sources import Face, ImageSource, open_source
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation.evaluate import predict, quantise
from smlnet_jax.export.card import Card
from smlnet_jax.export.pretrained import load_pretrained
from smlnet_jax.files import write_bytes
from smlnet_jax.models import Model, SelfEnsemble, create


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `smlnet data teach`."""
    parser.description = (
        "Writes what a network makes of the LR of every face, as the mean over the face and its mirror "
        "image, into a folder that another network can be trained on. Faces that are there already are "
        "passed over."
    )
    add = parser.add_argument
    add("faces", metavar="SOURCE", help="what --config.data.train takes; the faces to be learned from")
    add("-o", "--output", type=Path, required=True, metavar="FOLDER", help="for a PNG of each face")
    add("-m", "--model", metavar="WEIGHTS", help="the teacher; default: the weights of the package")
    add(
        "--originals",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="of the original in each picture, from 0 up to 1; default: none",
    )
    add("--batch-size", type=int, default=32, metavar="N")


def run(args: argparse.Namespace) -> int:
    """Restores what `args` names; the exit code. Raises UserError; faces that were written stay."""
    if args.batch_size < 1:
        raise UserError(f"--batch-size {args.batch_size} must be above 0")
    if not 0 <= args.originals < 1:
        raise UserError(
            f"--originals {args.originals:g} must be a share from 0 up to 1: 0.5 is half of each original"
        )
    if args.output.resolve().is_relative_to(Path(args.faces).expanduser().resolve()):
        raise UserError(
            f"-o {args.output} lies in {args.faces}, whose faces are to be learned from; give a folder "
            "elsewhere"
        )
    model, params, card = load_pretrained(args.model)
    source = open_source(args.faces, card.size)
    left = Remaining.of(source, args.output)
    progress = Progress(len(left), "restored")
    batches = evaluation_batches(
        left, scale=card.scale, lr_kernel=card.lr_kernel, batch_size=min(args.batch_size, max(len(left), 1))
    )
    teacher = teacher_of(model, card)
    for batch, is_real in batches:
        pictures = blend(predict(teacher, params, batch.lr, card.size).sr, batch.hr, args.originals)
        for name, picture, real in zip(batch.names, pictures, is_real, strict=True):
            if real:
                _write(args.output / file_of(name), picture)
        progress.advance(int(is_real.sum()))
    done = len(source) - len(left)
    made = f"{len(source):,} faces as {card.name} restores them"
    made += f", with {args.originals:g} of the originals" if args.originals else ""
    print(f"{args.output}: {made}, {done:,} of them from before")
    return 0


def teacher_of(model: Model, card: Card) -> Model:
    """The network with consistency, and twice over each face where it is not symmetric by itself."""
    if card.lr_kernel != "pil_bicubic":
        raise UserError(
            f"{card.name} was trained on an LR of {card.lr_kernel}, which its results do not reduce to: they "
            "are no faces to train on; take weights that were trained on pil_bicubic"
        )
    return SelfEnsemble.of(create(dataclasses.replace(model.config, consistency=card.scale)))


def blend(
    results: Float[Array, "b h w 3"], originals: UInt8[np.ndarray, "b h w 3"], share: float
) -> UInt8[np.ndarray, "b h w 3"]:
    """`share` of each original, the rest of its result: both reduce to one LR, and so what lies between."""
    return np.asarray(quantise((1 - share) * jnp.clip(results, 0, 1) + share * (originals / 255.0)))


@dataclasses.dataclass(frozen=True)
class Remaining:
    """The faces of a source whose results are not there yet."""

    source: ImageSource
    indices: Sequence[int]

    @classmethod
    def of(cls, source: ImageSource, output: Path) -> Remaining:
        """Which they are says the folder. A name comes with its face, so that this reads each of them."""
        return cls(source, [i for i in range(len(source)) if not (output / file_of(source[i].name)).exists()])

    @property
    def description(self) -> str:
        return self.source.description

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Face:
        return self.source[self.indices[index]]


def file_of(name: str) -> str:
    """The PNG of a face of that name."""
    return name if name.lower().endswith(".png") else f"{name}.png"


def _write(path: Path, image: UInt8[np.ndarray, "h w 3"]) -> None:
    png = io.BytesIO()
    Image.fromarray(image).save(png, "png", compress_level=1)
    write_bytes(
        path, png.getvalue(), "free some space and start the same command again: it goes on from there"
    )
