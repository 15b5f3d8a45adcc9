"""`smlnet demo`: one public-domain face, shrunk, restored, and compared with what it was."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from smlnet_jax.compilation import keep_compilations
from smlnet_jax.data.sources import Face
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation.evaluate import SetResult, evaluate
from smlnet_jax.evaluation.figures import sample_grid
from smlnet_jax.evaluation.run import captions
from smlnet_jax.evaluation.tables import score_table
from smlnet_jax.evaluation.weights import SELF_ENSEMBLE
from smlnet_jax.export.pretrained import load_pretrained
from smlnet_jax.models import SelfEnsemble
from smlnet_jax.restoration.align import canonical_landmarks, crop, photo_to_crop
from smlnet_jax.restoration.files import shown
from smlnet_jax.restoration.identity import SAME_PERSON, SFace

# Eyes, nose and corners of the mouth in scikit-image's portrait of Eileen Collins (NASA, public domain).
LANDMARKS = np.array([[200.1, 101.8], [247.2, 102.6], [220.3, 124.7], [198.9, 143.2], [239.8, 143.9]])


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `smlnet demo`."""
    parser.description = "Shrinks the face of an astronaut, restores it, and says how close it came."
    add = parser.add_argument
    add("-m", "--weights", metavar="NAME_OR_FOLDER", help="default: the weights that come with the package")
    add(
        "-o", "--output", type=Path, default=Path("smlnet_demo.png"), metavar="OUT.png", help="the comparison"
    )


def run(args: argparse.Namespace) -> int:
    """Restores, prints the scores, writes the picture; the exit code. Raises UserError."""
    if args.output.suffix.lower() != ".png":
        raise UserError(f"-o {shown(args.output)} must end in .png, which is what is written")
    model, params, card = load_pretrained(args.weights)
    keep_compilations()
    faces = Portrait([Face("astronaut", aligned_face(card.size))])
    print(f"{card.name} on {faces.description}, {card.size // card.scale} to {card.size} pixels")
    results = evaluate(
        SelfEnsemble.of(model),
        params,
        {"astronaut": faces},
        scale=card.scale,
        lr_kernel=card.lr_kernel,
        samples=1,
    )
    found = results.datasets["astronaut"]
    if found.first_nonfinite():
        raise UserError(f"{card.name} gives NaN or infinity; these weights are broken, use others")
    print(score_table(results, "astronaut", card.name if model.mirrors else f"{card.name}{SELF_ENSEMBLE}"))
    print(identity(found))
    try:
        sample_grid(found.samples, args.output, captions(found))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {args.output} ({error}); choose another -o") from error
    print(f"written: {args.output}")
    return 0


class Portrait(list[Face]):
    """An ImageSource."""

    description = "the portrait of the astronaut Eileen Collins (NASA)"


def aligned_face(size: int) -> UInt8[np.ndarray, "size size 3"]:
    """The astronaut's canonical crop. Raises UserError where scikit-image or OpenCV is missing."""
    try:
        from skimage.data import astronaut
    except ImportError as error:
        raise UserError("the demo's photograph is in scikit-image; `pip install scikit-image`") from error
    image = crop(astronaut(), photo_to_crop(LANDMARKS, size), size)
    return np.rint(image * 255).astype(np.uint8)


def identity(found: SetResult) -> str:
    """How much the person is still herself, in a line; or why that is not known."""
    pictures = {title: images[0].astype(np.float32) / 255 for title, images in found.samples.items()}
    try:
        network = SFace()
    except UserError as error:
        return f"identity is left out: {error}"
    landmarks = canonical_landmarks(pictures["HR"].shape[0])
    bicubic, restored = (
        network.similarity(pictures["HR"], pictures[title], landmarks)
        for title in ("bicubic", "I_spa" if "I_spa" in pictures else "SR")
    )
    return (
        f"identity (cosine to the original; {SAME_PERSON} and above counts as the same person): "
        f"bicubic {bicubic:.3f}, restored {restored:.3f}"
    )
