"""`smlnet restore`: photographs and videos in, restored ones out; one bad file never stops the rest."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
from PIL import Image

from smlnet_jax.errors import STOPPED, UserError
from smlnet_jax.restoration.batch import Options, restore_photos
from smlnet_jax.restoration.files import shown
from smlnet_jax.restoration.inputs import Source, find_sources
from smlnet_jax.restoration.outputs import OutputFolder
from smlnet_jax.restoration.photo import MAX_PIXELS
from smlnet_jax.restoration.report import Report, Row, open_report

EXTENSIONS = ("auto", "jpg", "png", "webp", "tif", "bmp")
MAX_REMARKS = 4  # on stderr, of one file: a group has many small faces
FIDELITY = "1 (default): keep what the photograph shows; 0: the network alone, on sharp faces too"


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `smlnet restore`."""
    parser.description = (
        "Restores the faces in photographs. Exit code 0: all done; 1: some failed; 2: nothing was begun."
    )
    add = parser.add_argument
    add("inputs", nargs="+", metavar="INPUT", help="a picture, a folder, or a pattern in quotes")
    add("-o", "--output", type=Path, default=Path("results"), metavar="OUT", help="default: results")
    add(
        "-m",
        "--weights",
        action="append",
        default=[],
        metavar="NAME_OR_FOLDER",
        help="may be repeated: each face gets those of the LR size it shows; default: the package's",
    )
    add("-r", "--recursive", action="store_true", help="look into subfolders, and keep them in OUT")
    add("-s", "--upscale", type=float, default=1, metavar="FACTOR", help="enlarge photographs, by Lanczos")
    add("--aligned", action="store_true", help="inputs are face crops, or true LR faces such as 16x16")
    add("--only-center-face", action="store_true", help="restore only the face nearest to the middle")
    add(
        "--small-faces",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="search at the picture's own size; no: in 1600 pixels, faster where it is larger (default: yes)",
    )
    add("--fidelity", type=float, default=1, metavar="F", help=FIDELITY)
    add(
        "--self-ensemble",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="the mean over each face and its mirror image: better, and a tenth slower (default: yes)",
    )
    add("--ext", choices=EXTENSIONS, default="auto", help="format of the results; auto: as the input")
    add("--suffix", default="", help="put behind every name, after an underscore")
    add("--depth", type=int, choices=(8, 16), default=8, help="bits a channel; 16 as PNG or TIFF")
    add("--skip-existing", action="store_true", help="pass over inputs whose result is in OUT")
    add("--compare", action="store_true", help="each face before and after, side by side, in OUT/cmp")
    add("--json", type=Path, metavar="REPORT.json", help="what became of every file")
    add("--video", action="store_true", help="restore videos too, frame by frame; their sound is kept")
    add("--max-pixels", type=int, default=MAX_PIXELS, metavar="N", help=f"default {MAX_PIXELS:,}")
    device = parser.add_mutually_exclusive_group()
    device.add_argument("--cpu", action="store_true", help="do not use an accelerator")
    device.add_argument("--gpu", action="store_true", help="stop if there is no GPU")


def run(args: argparse.Namespace) -> int:
    """Restores what `args` names; the exit code. Raises UserError where nothing can be begun."""
    if not 1 <= args.upscale <= 16:
        raise UserError(f"-s {args.upscale:g} must lie between 1 and 16")
    if not 0 <= args.fidelity <= 1:
        raise UserError(f"--fidelity {args.fidelity:g} must lie between 0 and 1")
    if args.max_pixels < 1:
        raise UserError(f"--max-pixels {args.max_pixels} must be above 0")
    if args.aligned and args.only_center_face:
        raise UserError("--aligned inputs are one face each; leave --only-center-face out")
    _require("tqdm", "smlnet restore", "restore")
    if args.video:
        _require("av", "--video", "video")
    folder = OutputFolder(args.output, ext=args.ext, suffix=args.suffix, depth=args.depth)
    folder.prepare()
    _choose_device(args)
    return restore_all(_restorer(args), args, folder)


@contextlib.contextmanager
def _any_size() -> Iterator[None]:
    """Pillow refuses no picture for its size: --max-pixels does, before anything is decoded."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def restore_all(restorer: Any, args: argparse.Namespace, folder: OutputFolder) -> int:
    """The run itself, with anything that has the `stream` of a Restorer; the exit code."""
    from tqdm import tqdm

    options = Options(
        upscale=args.upscale,
        aligned=args.aligned,
        depth=args.depth,
        skip_existing=args.skip_existing,
        compare=args.compare,
        max_pixels=args.max_pixels,
    )

    def everything() -> Iterator[Source]:
        return find_sources(args.inputs, recursive=args.recursive, videos=args.video, is_output=folder.owns)

    def sources(videos: bool) -> Iterator[Source]:
        return (source for source in everything() if (source.is_video and source.problem is None) == videos)

    total = sum(1 for _ in everything())  # names only: no file is opened
    facts = {"weights": args.weights or None, "output": str(args.output)}
    with (
        open_report(args.json, facts) as report,
        tqdm(total=total, unit="file", disable=None, dynamic_ncols=True) as bar,
        warnings.catch_warnings(),
        _any_size(),
    ):
        # A damaged file is one line of ours, not two of Pillow's.
        warnings.filterwarnings("ignore", module="PIL")

        def done(row: Row) -> None:
            report.add(row)
            for line in remarks_of(row):
                bar.write(f"{shown(row.input)}: {line}", file=sys.stderr)
            bar.update()

        try:
            restore_photos(restorer, sources(videos=False), folder, options, done)
            if args.video:
                from smlnet_jax.restoration.video import restore_videos

                restore_videos(restorer, sources(videos=True), folder, options, done, bar)
        except KeyboardInterrupt:
            report.interrupted = True
    return _conclude(report, args.output)


def remarks_of(row: Row) -> list[str]:
    """What is said of one file on stderr: why it failed, or what to know before its result is trusted."""
    if row.status == "skipped":
        return []
    told = list(dict.fromkeys([*([row.reason] if row.reason else []), *row.warnings]))
    more = len(told) - MAX_REMARKS
    return told if more <= 0 else [*told[:MAX_REMARKS], f"{more} more remarks; --json REPORT.json has all"]


def _conclude(report: Report, output: Path) -> int:
    counts = {state: number for state, number in report.summary().items() if state in report.counts}
    told = (
        ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in counts.items())
        or "nothing to do"
    )
    print(f"{shown(output)}: {told}{' (stopped; what is done is kept)' if report.interrupted else ''}")
    if report.interrupted:
        return STOPPED
    return 1 if report.counts["failed"] else 0


def _require(module: str, what: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise UserError(f"{what} needs a package that is not installed; pip install 'smlnet-jax[{extra}]'")


def _choose_device(args: argparse.Namespace) -> None:
    if args.cpu:
        jax.config.update("jax_platforms", "cpu")
    if args.gpu and jax.default_backend() == "cpu":
        raise UserError("--gpu was asked for, but JAX sees no GPU; install jax[cuda13], or leave --gpu out")


def _restorer(args: argparse.Namespace) -> Any:
    from smlnet_jax.restoration.detect import YuNet
    from smlnet_jax.restoration.restorer import Restorer

    return Restorer.from_pretrained(
        *args.weights,
        detector=YuNet(small_faces=args.small_faces),
        self_ensemble=args.self_ensemble,
        upscale=args.upscale,
        aligned=args.aligned,
        only_center_face=args.only_center_face,
        fidelity=args.fidelity,
    )
