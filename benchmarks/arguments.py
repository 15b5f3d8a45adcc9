"""The flags that benchmarks share, and what may follow one: a mistake is told before anything is timed."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from smlnet_jax.config import model_config
from smlnet_jax.errors import UserError
from smlnet_jax.models import NetworkConfig

SCALE = 8  # of the images that networks are timed on
DTYPES = ("float32", "bfloat16")
FFT_IMPLS = ("auto", "fft", "dft")
FITS: Literal["fits"] = "fits"  # the largest batch that there is memory for


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser with the flags that every benchmark has."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument(
        "--json", type=output_file, metavar="FILE", help="write the figures here, for benchmarks.compare"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="time for each group of measurements")
    parser.add_argument("--quick", action="store_true", help="small and short: shows that it runs, no more")
    return parser


def network(name: str, args: argparse.Namespace) -> NetworkConfig:
    """The network of that name, with --dtype and --fft-impl; under --quick one that compiles in a second."""
    values = {"dtype": args.dtype}
    if args.fft_impl != "auto":  # what has no FFT does not have the field either
        values["fft_impl"] = args.fft_impl
    config = model_config({"name": name, **values})
    return model_config({"name": "smlnet_test", "branches": "spatial", **values}) if args.quick else config


def add_network_flags(parser: argparse.ArgumentParser) -> None:
    """The flags that `network` reads."""
    parser.add_argument("--dtype", default=DTYPES[0], choices=DTYPES)
    parser.add_argument(
        "--fft-impl", default=FFT_IMPLS[0], choices=FFT_IMPLS, help="auto: dft on a TPU, fft elsewhere"
    )


def check_sides(config: NetworkConfig, sides: Sequence[int], flag: str) -> None:
    """Raises `UserError` unless the network takes images of these sides, and an LR of an eighth of them."""
    divisor = math.lcm(config.stride, SCALE)
    for side in sides:
        if side % divisor:
            raise UserError(f"{flag} {side}: {config.name} takes images whose side {divisor} divides")


def count(text: str) -> int:
    """A whole number above 0."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number above 0")
    return int(text)


def counts(text: str) -> list[int]:
    """Whole numbers above 0, each once, with commas between."""
    return [count(part) for part in names(text)]


def batches(text: str) -> list[int | Literal["fits"]]:
    """Sizes of batches, or nothing; `fits` after two of them."""
    found = [FITS if part == FITS else count(part) for part in names(text)] if text else []
    if FITS in found[:2]:
        raise argparse.ArgumentTypeError(
            f"{text!r}: `fits` goes on from two batches before it, as in 1,8,fits"
        )
    return found


def names(text: str) -> list[str]:
    """Names, each once, with commas between."""
    found = text.split(",")
    if "" in found or len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(f"{text!r} must be values with one comma between, each once")
    return found


def share(text: str) -> float:
    """At least 0, and below 1."""
    try:
        if 0 <= (found := float(text)) < 1:
            return found
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text} must be a share below 1, such as 0.15 for 15 %")


def output_file(text: str) -> Path:
    """A file that can be written, so that no figures are lost for want of one; its folder is made."""
    path = Path(text)
    there = path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text} cannot be written ({error.strerror})") from error
    if not there:
        path.unlink()
    return path


def output_folder(text: str) -> Path:
    """A folder that files can be written in; it is made."""
    return output_file(f"{text}/written").parent
