"""`smlnet figures`: what networks make of a folder of faces, in pictures and charts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

from smlnet_jax.config import LR_KERNELS
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation import weights
from smlnet_jax.figures import inset
from smlnet_jax.figures.drawn import Drawn, draw, file_stem
from smlnet_jax.figures.faces import Faces, read_faces, restore
from smlnet_jax.figures.grid import DPI
from smlnet_jax.figures.page import file_names, page
from smlnet_jax.files import json_bytes
from smlnet_jax.metrics import PROTOCOLS
from smlnet_jax.restoration.files import replacing

# Text stays text in vector formats, and the same figure gives the same file.
_STYLE: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "smlnet", "pdf.fonttype": 42}
_UNDATED: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `smlnet figures`."""
    parser.description = (
        "Draws what trained networks make of faces: comparisons with insets and error maps, spectra, PSNR by "
        "frequency, what each branch contributes, gates; and index.html, which shows and explains them all."
    )
    add = parser.add_argument
    add(
        "weights",
        nargs="+",
        metavar="WEIGHTS",
        help="a workdir, or a pretrained name or folder; LABEL=WEIGHTS gives it a name; several are compared",
    )
    add(
        "faces",
        metavar="FOLDER",
        help="HR faces: a folder of images or ArrayRecords, tfds:NAME, astronaut:val",
    )
    add("-o", "--output", type=Path, required=True, metavar="OUT", help="folder for the figures")
    add(
        "--images",
        type=int,
        default=4,
        metavar="N",
        help="faces in pictures, the first; default: %(default)s",
    )
    add("--names", default="", metavar="A,B", help="these faces in pictures, by their names in FOLDER")
    add("--inset", default="", metavar="X,Y,SIZE", help="what is enlarged; default: where most was changed")
    add("--limit", type=int, default=100, metavar="N", help="faces in curves and means; default: %(default)s")
    add("--scale", type=int, default=8, metavar="N", help="LR is smaller by this; default: %(default)s")
    add("--size", type=int, default=128, metavar="N", help="height and width of HR; default: %(default)s")
    add("--lr-kernel", choices=LR_KERNELS, default="pil_bicubic", help="makes LR; default: %(default)s")
    add("--protocol", choices=tuple(PROTOCOLS), default="sfmnet", help="of PSNR; default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Draws all that applies; the exit code. Raises UserError before anything is computed where it can."""
    smallest = max(PROTOCOLS[name].smallest for name in (args.protocol, "basicsr"))  # which luma is of
    for flag, lowest in (("images", 1), ("limit", 1), ("scale", 2), ("size", smallest)):
        if getattr(args, flag) < lowest:
            raise UserError(f"--{flag}={getattr(args, flag)} must be at least {lowest}")
    box = inset.parse(args.inset, args.size) if args.inset else None
    loaded = {label: _load(what) for label, what in _labels(args.weights).items()}
    _make(args.output)
    faces = read_faces(
        args.faces,
        size=args.size,
        scale=args.scale,
        lr_kernel=args.lr_kernel,
        names=tuple(filter(None, (name.strip() for name in args.names.split(",")))),
        images=args.images,
        limit=args.limit,
    )
    for label, network in loaded.items():
        for note in weights.trained_otherwise(network, scale=args.scale, lr_kernel=args.lr_kernel):
            print(f"note: {label}: {note}", file=sys.stderr)
    on_lr = {label: weights.on_lr(found, args.scale, args.lr_kernel) for label, found in loaded.items()}
    networks = [
        restore(label, found.model, found.params, faces) for label, found in on_lr.items() if found.model
    ]

    figures: list[Drawn] = []
    with matplotlib.rc_context(_STYLE):
        for drawn in draw(faces, networks, box=box, protocol=args.protocol):
            figures.append(drawn)
            _write(drawn, args.output)
    _summarise(figures, faces, args, list(loaded))
    print(f"written: {args.output / 'index.html'}, which shows and explains them")
    return 0


def _labels(given: Sequence[str]) -> dict[str, str]:
    """{label: weights}; a path is called by its last part."""
    labelled: dict[str, str] = {}
    for text in given:
        label, equals, what = text.partition("=")
        if not equals or Path(text).exists():
            what, label = text, Path(text).resolve().name if Path(text).exists() else text
        if not label or not what:
            raise UserError(f"{text} is not LABEL=WEIGHTS; name the weights, or give neither label nor =")
        if label in ("bicubic", "HR"):
            raise UserError(f"a network cannot be called {label}, which is drawn beside it; change its label")
        if file_stem(label) in map(file_stem, labelled):
            raise UserError(
                f"two of the weights are called {label}; tell them apart with LABEL=WEIGHTS, such as "
                f"first={what}"
            )
        labelled[label] = what
    return labelled


def _load(what: str) -> weights.Loaded:
    """Model, parameters, and what they were trained on."""
    try:
        loaded = weights.load(what, "")
    except ModuleNotFoundError as error:
        raise UserError(
            f"{what} is a training run, and checkpoints cannot be read ({error}); "
            "pip install 'smlnet-jax[train]', or name exported weights"
        ) from error
    if loaded.model is None:
        raise UserError(f"{what} is no network, and is drawn beside every one; name weights")
    return loaded


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made ({error.strerror}); give another -o") from error


def _write(drawn: Drawn, folder: Path) -> None:
    if drawn.figure is None:
        print(f"note: {drawn.stem} is {drawn.reading}", file=sys.stderr)
        return
    for name in file_names(drawn):
        kind = name.rpartition(".")[2]
        with replacing(folder / name) as file:
            drawn.figure.savefig(file, format=kind, dpi=DPI, metadata=_UNDATED[kind])
        print(folder / name, flush=True)


def _summarise(figures: Sequence[Drawn], faces: Faces, args: argparse.Namespace, labels: list[str]) -> None:
    """The page, and the numbers that the figures show."""
    facts = (
        f"x{faces.scale}, LR of {faces.lr.shape[1]}x{faces.lr.shape[1]} by {args.lr_kernel}, HR of "
        f"{faces.size}x{faces.size}. PSNR under the protocol {args.protocol}. Pictures show {faces.shown} of "
        f"{args.faces}, curves and means are over {len(faces.names)}."
    )
    numbers = {
        "weights": args.weights,
        "faces": args.faces,
        "scale": faces.scale,
        "lr_kernel": args.lr_kernel,
        "protocol": args.protocol,
        "shown": faces.names[: faces.shown],
        "n": len(faces.names),
        "figures": {drawn.stem: drawn.numbers for drawn in figures if drawn.numbers},
        "left_out": {drawn.stem: drawn.reading for drawn in figures if drawn.figure is None},
    }
    with replacing(args.output / "figures.json") as file:
        file.write(json_bytes(numbers))
    with replacing(args.output / "index.html") as file:
        file.write(page(f"Figures: {', '.join(labels)}", facts, figures, args.output).encode())
