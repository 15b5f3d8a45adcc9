"""`smlnet compare`: is one method better than another on the same images? See docs/evaluation.md."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Collection
from pathlib import Path

import numpy as np
from jaxtyping import Float

from smlnet_jax.errors import UserError
from smlnet_jax.evaluation.bootstrap import LEVEL, RESAMPLES, Difference, paired_difference
from smlnet_jax.evaluation.pairing import refuse_unpaired
from smlnet_jax.metrics import PROTOCOLS

FEW = 20  # images; over fewer, a bootstrap interval is too narrow
MIN_RESAMPLES = 1_000

Scores = dict[str, dict[str, float]]  # by image, then by column


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `smlnet compare`."""
    parser.description = (
        "Compares two methods' scores of the same images, as eval.py and `smlnet score --csv` write them: "
        f"the mean difference and its {LEVEL:.0%} interval, by a paired bootstrap over the images."
    )
    add = parser.add_argument
    add("first", type=Path, metavar="A.csv")
    add("second", type=Path, metavar="B.csv")
    add("--protocol", choices=tuple(PROTOCOLS), help="default: each that both files have")
    add("--resamples", type=int, default=RESAMPLES, metavar="N", help=f"default {RESAMPLES:,}")
    add("--seed", type=int, default=0, metavar="N", help="of the draws; default 0")


def run(args: argparse.Namespace) -> int:
    """Prints a sentence for each protocol and metric. Raises UserError where the files do not compare."""
    if args.resamples < MIN_RESAMPLES:
        raise UserError(f"--resamples={args.resamples} is too few; give {MIN_RESAMPLES:,} or more")
    if args.seed < 0:
        raise UserError(f"--seed={args.seed} is negative; give 0 or more")
    labels = str(args.first), str(args.second)
    first, second = read_scores(args.first), read_scores(args.second)
    refuse_unpaired(first, second, *labels)
    names = sorted(first)
    for protocol, metric in _in_both(first, second, args.protocol):
        column = f"{protocol}_{metric}"
        found = paired_difference(
            _values(first, names, column, labels[0]),
            _values(second, names, column, labels[1]),
            resamples=args.resamples,
            seed=args.seed,
        )
        print(f"{protocol} {metric.upper()}: {sentence(found, *labels, metric)}")
    if len(names) < FEW:
        print(f"note: over fewer than {FEW} images these intervals are too narrow", file=sys.stderr)
    return 0


def read_scores(path: Path) -> Scores:
    """The scores in a CSV file. Raises `UserError` if it is none, or names an image twice."""
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            rows = list(csv.DictReader(file, strict=True))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give a CSV file of scores") from error
    except csv.Error as error:
        raise UserError(f"{path} is no CSV file ({error}); give one that eval.py wrote") from error
    scores: Scores = {}
    for line, row in enumerate(rows, 2):
        name = row.pop("name", None)
        if not name:
            raise UserError(f"line {line} of {path} names no image; give a CSV file that eval.py wrote")
        if name in scores:
            raise UserError(f"{path} scores {name} twice, so it does not pair; write the file anew")
        try:
            scores[name] = {column: float(value) for column, value in row.items()}
        except (TypeError, ValueError) as error:  # words, or a line that is too short or too long
            raise UserError(f"line {line} of {path} is no line of scores; write the file anew") from error
    if not scores:
        raise UserError(f"{path} has no scores; give a CSV file that eval.py wrote")
    return scores


def sentence(found: Difference, first: str, second: str, metric: str) -> str:
    """The outcome in words: which is better, by how much and in which interval; or that one cannot tell."""
    digits, unit = (3, " dB") if metric == "psnr" else (4, "")
    images = f"{found.images} images"
    if not found.is_distinguishable:
        mean, low, high = (f"{value:+z.{digits}f}" for value in found[:3])
        return f"{first} and {second} are not distinguishable: {mean}{unit} [{low}, {high}], {images}"
    better, worse = (first, second) if found.low > 0 else (second, first)
    ends = sorted((abs(found.low), abs(found.high)))
    mean, low, high = (f"{value:.{digits}f}" for value in (abs(found.mean), *ends))
    return f"{better} is better than {worse} by {mean}{unit} [{low}, {high}], {images}"


def _in_both(first: Scores, second: Scores, protocol: str | None) -> list[tuple[str, str]]:
    """(protocol, metric) of what both files hold, only of the `protocol` that was asked for."""
    columns = set.intersection(*(set(row) for scores in (first, second) for row in scores.values()))
    wanted = (protocol,) if protocol else tuple(PROTOCOLS)
    found = [
        (name, metric) for name in wanted for metric in ("psnr", "ssim") if f"{name}_{metric}" in columns
    ]
    if not found:
        raise UserError(f"the two files share no scores under {' or '.join(wanted)}; score both under one")
    return found


def _values(scores: Scores, names: Collection[str], column: str, label: str) -> Float[np.ndarray, " n"]:
    values = np.array([scores[name][column] for name in names])
    for name, value in zip(names, values, strict=True):
        if not np.isfinite(value):
            raise UserError(
                f"{column} of {name} in {label} is {value}, and has no difference to anything; drop that "
                "image from both files"
            )
    return values
