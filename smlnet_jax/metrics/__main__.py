"""What one may ask of the metrics outside of an evaluation.

python -m smlnet_jax.metrics explain SR HR                     all protocols side by side, and why they differ
python -m smlnet_jax.metrics fit-niqe FOLDER -o MODEL.npz      the pristine model that NIQE compares with
python -m smlnet_jax.metrics fid-statistics NET.onnx FOLDER -o STATS.npz   of the set that FID compares with
python -m smlnet_jax.metrics fid ONE.npz OTHER.npz             FID of two sets of features or statistics
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from smlnet_jax.errors import UserError, ends_with_its_reader, one_line_errors
from smlnet_jax.evaluation.folders import read_image
from smlnet_jax.evaluation.pairing import images_in
from smlnet_jax.metrics.explain import explain
from smlnet_jax.metrics.fid import Moments, frechet_distance, read_gaussian, write_gaussian
from smlnet_jax.metrics.inception import Inception
from smlnet_jax.metrics.niqe import fit, write_natural_model
from smlnet_jax.restoration.files import replacing, shown

Image = UInt8[np.ndarray, "h w 3"]


@ends_with_its_reader
@one_line_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the arguments (by default the program's own) ask for; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m smlnet_jax.metrics",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("explain", help="scores a pair and says why the protocols differ")
    command.add_argument("sr", type=Path, metavar="SR", help="the restored image")
    command.add_argument("hr", type=Path, metavar="HR", help="its original, of the same size")
    command.set_defaults(run=_explain)

    command = commands.add_parser("fit-niqe", help="fits NIQE's pristine model to photographs")
    command.add_argument(
        "folder", type=Path, metavar="FOLDER", help="sharp photographs, never compressed much"
    )
    command.add_argument("-o", "--output", type=Path, required=True, metavar="MODEL.npz")
    command.set_defaults(run=_fit_niqe)

    command = commands.add_parser("fid-statistics", help="mean and covariance of a folder's features")
    command.add_argument("network", type=Path, metavar="NET.onnx", help="FID's Inception")
    command.add_argument("folder", type=Path, metavar="FOLDER", help="the images to compare with")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="STATS.npz")
    command.set_defaults(run=_fid_statistics)

    command = commands.add_parser("fid", help="FID of two sets whose features were computed before")
    for name in ("one", "other"):
        command.add_argument(name, type=Path, metavar=f"{name.upper()}.npz", help="mu and sigma, or features")
    command.set_defaults(run=_fid)

    args = parser.parse_args(arguments)
    args.run(args)
    return 0


def _explain(args: argparse.Namespace) -> None:
    sr, hr = (read_image(path) for path in (args.sr, args.hr))
    if sr.shape != hr.shape:
        sizes = [
            f"{path} is {image.shape[1]}x{image.shape[0]}" for path, image in ((args.sr, sr), (args.hr, hr))
        ]
        raise UserError(f"{', '.join(sizes)}; a score compares pixel with pixel, so bring both to one size")
    print(f"{args.sr} against {args.hr}, {hr.shape[1]}x{hr.shape[0]}\n\n{explain(sr, hr)}")


def _fit_niqe(args: argparse.Namespace) -> None:
    _refuse_other_than_npz(args.output)
    with replacing(args.output) as file:  # opened first: what cannot be written is not computed in vain
        write_natural_model(file, fit(_images(args.folder)))
    print(f"written: {args.output}; figures by this model compare with no others")


def _fid_statistics(args: argparse.Namespace) -> None:
    _refuse_other_than_npz(args.output)
    network = Inception(args.network)
    with replacing(args.output) as file:
        features = (Moments.of(network(image[None])) for image in _images(args.folder))
        moments = functools.reduce(Moments.merge, features)
        write_gaussian(file, moments.compute())
    print(f"written: {args.output}, of {moments.count} images")


def _fid(args: argparse.Namespace) -> None:
    print(f"FID {frechet_distance(*(read_gaussian(path) for path in (args.one, args.other))):.3f}")


def _refuse_other_than_npz(output: Path) -> None:
    if output.suffix != ".npz":
        raise UserError(f"-o {shown(output)} must end in .npz, by which it will be read")


def _images(folder: Path) -> Iterator[Image]:
    """The images below a folder. Raises `UserError` if there are none."""
    return map(read_image, images_in(folder))


if __name__ == "__main__":
    sys.exit(main())
