"""`smlnet score`: anybody's folder of results against the originals, under every protocol; or by itself."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
from pathlib import Path
from typing import Any

from smlnet_jax.errors import UserError
from smlnet_jax.evaluation.folders import FolderScores, score_alone, score_pairs
from smlnet_jax.evaluation.measures import Wanted
from smlnet_jax.evaluation.pairing import images_in, pair_folders
from smlnet_jax.evaluation.tables import align, csv_bytes
from smlnet_jax.files import json_bytes
from smlnet_jax.metrics import PROTOCOLS, protocols
from smlnet_jax.metrics.bands import EDGES, band_names
from smlnet_jax.restoration.files import replacing, shown

# Columns beyond the protocols and bands: what the table calls them, and how it writes them.
FURTHER = {
    "vif": ("VIF", ".4f"),
    "lr_consistency": ("LR consistency, dB", ".2f"),
    "identity": ("identity, cosine", ".4f"),
    "lpips": ("LPIPS", ".4f"),
    "blur": ("blur", ".4f"),
    "blur_hr": ("blur of the originals", ".4f"),
    "niqe": ("NIQE", ".3f"),
    "niqe_hr": ("NIQE of the originals", ".3f"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `smlnet score`."""
    parser.description = (
        "Scores a folder of results against the folder of their originals. They pair by name, whatever the "
        "extension, subfolders included. Without HR_DIR the results are scored by what needs no original. "
        "Exit code 2: something does not fit, and nothing was scored."
    )
    add = parser.add_argument
    add("sr", type=Path, metavar="SR_DIR", help="the results: JPEG, PNG or WebP")
    add("hr", type=Path, nargs="?", metavar="HR_DIR", help="the originals, of the same sizes")
    add("-o", "--output", type=Path, metavar="OUT.json", help="means over the images")
    add("--csv", type=Path, metavar="OUT.csv", help="one line an image; `smlnet compare` reads it")
    add("--suffix", default="", metavar="TEXT", help="what follows the name in SR_DIR, such as _x8")
    add("--protocols", metavar="A,B", help=f"default: {','.join(PROTOCOLS)}")
    add(
        "--scale",
        type=int,
        default=0,
        metavar="N",
        help="also: does the result show the LR that HR gives at xN?",
    )
    add(
        "--identity", action="store_true", help="also: is it the same person? For faces in the canonical crop"
    )
    more = parser.add_argument_group(
        "weights that you bring", "docs/evaluation.md tells where each comes from, and on which terms"
    ).add_argument
    more("--lpips", type=Path, metavar="WEIGHTS", help="also LPIPS, by this .safetensors or .npz")
    more("--fid", type=Path, metavar="WEIGHTS", help="also FID, by this Inception network (.onnx)")
    more("--fid-reference", type=Path, metavar="STATS.npz", help="FID to these statistics, not to HR_DIR")
    alone = parser.add_argument_group("without an original").add_argument
    alone("--no-reference", action="store_true", help="also: how blurred is it? By scikit-image")
    alone("--niqe", type=Path, metavar="MODEL", help="also NIQE, by this pristine model (.npz)")


def run(args: argparse.Namespace) -> int:
    """Prints the means and writes what was asked for. Raises UserError if anything does not fit."""
    if args.scale < 0 or args.scale == 1:
        raise UserError(f"--scale={args.scale} reduces nothing; give the scale of the results, such as 8")
    if args.fid_reference and not args.fid:
        raise UserError("--fid-reference needs --fid, the network that its statistics were made with")
    wanted = Wanted(
        args.scale, args.identity, args.lpips, args.fid, args.fid_reference, args.no_reference, args.niqe
    )
    for flag, path, suffix in (("-o", args.output, ".json"), ("--csv", args.csv, ".csv")):
        if path and path.suffix.lower() != suffix:
            raise UserError(
                f"{flag} {shown(path)} must end in {suffix}, so that no picture is replaced by mistake"
            )
    with contextlib.ExitStack() as outputs:  # opened first: what cannot be written is not scored in vain
        files = [path and outputs.enter_context(replacing(path)) for path in (args.output, args.csv)]
        found, names = _score(args, wanted)
        contents = json_bytes(to_json(found, names, args)), to_csv(found)
        for file, content in zip(files, contents, strict=True):
            if file:
                file.write(content)
    against = f"against {shown(args.hr)}" if args.hr else "without originals"
    for name, reason in found.left_out.items():
        print(f"note: {name} is left out: {reason}", file=sys.stderr)
    print(f"{shown(args.sr)} {against}: {len(found.names)} images, means over them\n\n{table(found, names)}")
    return 0


def _score(args: argparse.Namespace, wanted: Wanted) -> tuple[FolderScores, tuple[str, ...]]:
    """Scores, and protocols, of which there are none without originals."""
    if args.hr is None:
        _refuse_what_needs_originals(args)
        return score_alone(args.sr, images_in(args.sr), wanted), ()
    names = _protocols(",".join(PROTOCOLS) if args.protocols is None else args.protocols)
    return score_pairs(pair_folders(args.sr, args.hr, args.suffix), names, wanted), names


def table(found: FolderScores, names: tuple[str, ...]) -> str:
    """The means as text: protocols, then what else was measured, then the bands."""
    rows = [["", "PSNR dB", "SSIM"]]
    for name in names:
        rows.append([name, f"{found.mean(f'{name}_psnr'):7.3f}", f"{found.mean(f'{name}_ssim'):.4f}"])
    further = [
        [words, f"{found.mean(column):{form}}"]
        for column, (words, form) in FURTHER.items()
        if column in found.columns
    ]
    further += [["FID", f"{value:.3f}"] for value in found.of_all.values()]
    if not names:
        return align(further)
    bands = [["cycles a pixel", *(name.rjust(7) for name in band_names())]]
    for kind, words in (("psnr", "PSNR dB"), ("floor", "left empty")):
        bands.append([words, *(f"{found.mean(f'band{i}_{kind}'):7.3f}" for i in range(1, len(bands[0])))])
    return "\n\n".join(align(part) for part in (rows, further, bands) if part)


def to_json(found: FolderScores, names: tuple[str, ...], args: argparse.Namespace) -> dict[str, Any]:
    """The content of OUT.json."""
    mean = found.mean
    content: dict[str, Any] = {"sr": str(args.sr)}
    if args.hr is not None:
        content["hr"] = str(args.hr)
    content["n"] = len(found.names)
    if names:
        content["protocols"] = {
            p: {metric: mean(f"{p}_{metric}") for metric in ("psnr", "ssim")} for p in names
        }
        content["bands"] = [
            {"from": low, "below": high, "psnr": mean(f"band{i}_psnr"), "floor": mean(f"band{i}_floor")}
            for i, (low, high) in enumerate(itertools.pairwise((0, *EDGES, None)), 1)
        ]
    content |= {column: mean(column) for column in FURTHER if column in found.columns}
    content |= found.of_all
    if args.scale:
        content["scale"] = args.scale
    # Figures by other weights are other figures, so the files are named beside them.
    weights = {"lpips": args.lpips, "fid": args.fid, "fid_reference": args.fid_reference, "niqe": args.niqe}
    used = {name: path for name, path in weights.items() if name.partition("_")[0] in content}
    if given := {name: path.name for name, path in used.items() if path is not None}:
        content["weights"] = given
    return content | {"left_out": dict(found.left_out)}


def to_csv(found: FolderScores) -> bytes:
    """One line an image; columns as in eval/<set>.csv, then what is measured here only."""
    columns = ([f"{value:.6f}" for value in values] for values in found.columns.values())
    return csv_bytes([["name", *found.columns], *zip(found.names, *columns, strict=True)])


def _refuse_what_needs_originals(args: argparse.Namespace) -> None:
    """Raises UserError if a flag makes no sense without HR_DIR, or none is left that does."""
    needs = {
        "--protocols": args.protocols is not None,
        "--suffix": args.suffix,
        "--scale": args.scale,
        "--identity": args.identity,
        "--lpips": args.lpips,
        "--fid without --fid-reference": args.fid and not args.fid_reference,
    }
    if asked := [flag for flag, given in needs.items() if given]:
        raise UserError(f"{', '.join(asked)}: nothing to compare with; give HR_DIR, the folder of originals")
    if not (args.no_reference or args.niqe or args.fid):
        raise UserError(
            "nothing to score without originals; give HR_DIR, or --no-reference, --niqe=MODEL, or "
            "--fid=WEIGHTS with --fid-reference=STATS.npz"
        )


def _protocols(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(filter(None, (name.strip() for name in text.split(",")))))
    if not names:
        raise UserError(f"--protocols is empty; choose of {', '.join(PROTOCOLS)}")
    for name in names:
        protocols.get(name)
    return names
