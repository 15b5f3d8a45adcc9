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
from smlnet_jax.evaluation.bootstrap import FEW, LEVEL, RESAMPLES, Difference, paired_difference
from smlnet_jax.evaluation.pairing import refuse_unpaired
from smlnet_jax.metrics import PROTOCOLS

MIN_RESAMPLES = 1_000

# Beyond the protocols' PSNR and SSIM: what the sentence calls it, digits, unit, whether more is better.
FURTHER = {
    "vif": ("VIF", 4, "", True),
    "lr_consistency": ("LR consistency", 3, " dB", True),
    "identity": ("identity", 4, "", True),
    "lpips": ("LPIPS", 4, "", False),
    "blur": ("blur", 4, "", False),
    "niqe": ("NIQE", 3, "", False),
}
METRICS = {"psnr": ("PSNR", 3, " dB", True), "ssim": ("SSIM", 4, "", True)}

_OF_EVAL = "identity_cosine"  # what eval.py calls identity, beside that of bicubic

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
    """Prints a sentence for each metric. Raises UserError where the files do not compare."""
    if args.resamples < MIN_RESAMPLES:
        raise UserError(f"--resamples={args.resamples} is too few; give {MIN_RESAMPLES:,} or more")
    if args.seed < 0:
        raise UserError(f"--seed={args.seed} is negative; give 0 or more")
    labels = str(args.first), str(args.second)
    first, second = (_in_own_words(read_scores(path)) for path in (args.first, args.second))
    refuse_unpaired(first, second, *labels)
    names = sorted(first)
    for column in _in_both(first, second, args.protocol):
        protocol, _, metric = column.rpartition("_")
        of_protocol = protocol in PROTOCOLS
        metric_name, digits, unit, more_is_better = METRICS[metric] if of_protocol else FURTHER[column]
        title = f"{protocol} {metric_name}" if of_protocol else metric_name
        try:
            values = [
                _values(scores, names, column, label)
                for scores, label in zip((first, second), labels, strict=True)
            ]
        except UserError as error:
            if of_protocol:
                raise
            print(f"note: {title} is left out: {error}", file=sys.stderr)
            continue
        found = paired_difference(*values, resamples=args.resamples, seed=args.seed)
        print(f"{title}: {sentence(found, *labels, digits, unit, more_is_better)}")
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


def sentence(
    found: Difference, first: str, second: str, digits: int, unit: str = "", more_is_better: bool = True
) -> str:
    """The outcome in words: which is better, by how much and in which interval; or that one cannot tell."""
    images = f"{found.images} images"
    if not found.is_distinguishable:
        mean, low, high = (f"{value:+z.{digits}f}" for value in found[:3])
        return f"{first} and {second} are not distinguishable: {mean}{unit} [{low}, {high}], {images}"
    better, worse = (first, second) if (found.low > 0) == more_is_better else (second, first)
    ends = sorted((abs(found.low), abs(found.high)))
    mean, low, high = (f"{value:.{digits}f}" for value in (abs(found.mean), *ends))
    return f"{better} is better than {worse} by {mean}{unit} [{low}, {high}], {images}"


def _in_own_words(scores: Scores) -> Scores:
    """With identity called as `smlnet score` calls it."""
    own = {_OF_EVAL: "identity"}
    return {name: {own.get(key, key): value for key, value in row.items()} for name, row in scores.items()}


def _in_both(first: Scores, second: Scores, protocol: str | None) -> list[str]:
    """Columns that both files hold, in order; only of the `protocol` that was asked for."""
    columns = set.intersection(*(set(row) for scores in (first, second) for row in scores.values()))
    protocols = (protocol,) if protocol else tuple(PROTOCOLS)
    wanted = [f"{name}_{metric}" for name in protocols for metric in METRICS]
    found = [column for column in (*wanted, *(() if protocol else FURTHER)) if column in columns]
    if not found:
        raise UserError(f"the two files share no scores under {' or '.join(protocols)}; score both under one")
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
