"""`smlnet score`: anybody's folder of results against the originals, under every protocol."""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import json
import math
import sys
from pathlib import Path
from typing import Any

from smlnet_jax.errors import UserError
from smlnet_jax.evaluation.folders import FolderScores, score_pairs
from smlnet_jax.evaluation.pairing import pair_folders
from smlnet_jax.evaluation.tables import align
from smlnet_jax.metrics import PROTOCOLS, protocols
from smlnet_jax.metrics.bands import EDGES, band_names
from smlnet_jax.restoration.files import replacing


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `smlnet score`."""
    parser.description = (
        "Scores a folder of results against the folder of their originals. They pair by name, whatever the "
        "extension, subfolders included. Exit code 2: something does not fit, and nothing was scored."
    )
    add = parser.add_argument
    add("sr", type=Path, metavar="SR_DIR", help="the results: JPEG, PNG or WebP")
    add("hr", type=Path, metavar="HR_DIR", help="the originals, of the same sizes")
    add("-o", "--output", type=Path, metavar="OUT.json", help="means over the images")
    add("--csv", type=Path, metavar="OUT.csv", help="one line an image; `smlnet compare` reads it")
    add("--suffix", default="", metavar="TEXT", help="what follows the name in SR_DIR, such as _x8")
    add("--protocols", default=",".join(PROTOCOLS), metavar="A,B", help="default: %(default)s")
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


def run(args: argparse.Namespace) -> int:
    """Prints the means and writes what was asked for. Raises UserError if anything does not fit."""
    names = _protocols(args.protocols)
    if args.scale < 0 or args.scale == 1:
        raise UserError(f"--scale={args.scale} reduces nothing; give the scale of the results, such as 8")
    pairs = pair_folders(args.sr, args.hr, args.suffix)
    found = score_pairs(pairs, names, scale=args.scale, identity=args.identity)
    for name, reason in found.left_out.items():
        print(f"note: {name} is left out: {reason}", file=sys.stderr)
    print(f"{args.sr} against {args.hr}: {len(pairs)} images, means over them\n\n{table(found, names)}")
    if args.output:
        text = json.dumps(to_json(found, names, args), indent=2, allow_nan=False)
        with replacing(args.output) as file:
            file.write(f"{text}\n".encode())
    if args.csv:
        with replacing(args.csv) as file:
            file.write(to_csv(found).encode())
    return 0


def table(found: FolderScores, names: tuple[str, ...]) -> str:
    """The means as text: protocols, then what else was measured, then the bands."""
    rows = [["", "PSNR dB", "SSIM"]]
    for name in names:
        rows.append([name, f"{found.mean(f'{name}_psnr'):7.3f}", f"{found.mean(f'{name}_ssim'):.4f}"])
    further = [
        [words, f"{found.mean(column):{form}}"]
        for column, words, form in (
            ("vif", "VIF", ".4f"),
            ("lr_consistency", "LR consistency, dB", ".2f"),
            ("identity", "identity, cosine", ".4f"),
        )
        if column in found.columns
    ]
    bands = [["cycles a pixel", *(name.rjust(7) for name in band_names())]]
    for kind, words in (("psnr", "PSNR dB"), ("floor", "left empty")):
        bands.append([words, *(f"{found.mean(f'band{i}_{kind}'):7.3f}" for i in range(1, len(bands[0])))])
    return "\n\n".join(align(part) for part in (rows, further, bands) if part)


def to_json(found: FolderScores, names: tuple[str, ...], args: argparse.Namespace) -> dict[str, Any]:
    """The content of OUT.json. A mean that is not finite is null: JSON has no other word for it."""

    def mean(column: str) -> float | None:
        value = found.mean(column)
        return value if math.isfinite(value) else None

    content: dict[str, Any] = {
        "sr": str(args.sr),
        "hr": str(args.hr),
        "n": len(found.names),
        "protocols": {p: {metric: mean(f"{p}_{metric}") for metric in ("psnr", "ssim")} for p in names},
        "bands": [
            {"from": low, "below": high, "psnr": mean(f"band{i}_psnr"), "floor": mean(f"band{i}_floor")}
            for i, (low, high) in enumerate(itertools.pairwise((0, *EDGES, None)), 1)
        ],
    }
    content |= {
        column: mean(column) for column in ("vif", "lr_consistency", "identity") if column in found.columns
    }
    if args.scale:
        content["scale"] = args.scale
    return content | {"left_out": dict(found.left_out)}


def to_csv(found: FolderScores) -> str:
    """One line an image; columns as in eval/<set>.csv, then what is measured here only."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["name", *found.columns])
    for i, name in enumerate(found.names):
        writer.writerow([name, *(f"{values[i]:.6f}" for values in found.columns.values())])
    return text.getvalue()


def _protocols(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(filter(None, (name.strip() for name in text.split(",")))))
    if not names:
        raise UserError(f"--protocols is empty; choose of {', '.join(PROTOCOLS)}")
    for name in names:
        protocols.get(name)
    return names
