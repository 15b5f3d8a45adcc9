"""`python -m smlnet_jax.metrics explain SR.png HR.png`: all protocols side by side, and why they differ."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from smlnet_jax.data.decode import decode
from smlnet_jax.errors import UserError, one_line_errors
from smlnet_jax.metrics.explain import explain


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Explains the pair that the arguments (by default the program's own) name; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m smlnet_jax.metrics", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="explain")
    command = commands.add_parser("explain", help="scores a pair and says why the protocols differ")
    command.add_argument("sr", type=Path, metavar="SR", help="the restored image")
    command.add_argument("hr", type=Path, metavar="HR", help="its original, of the same size")
    args = parser.parse_args(arguments)
    sr, hr = (decode(_bytes(path), str(path)) for path in (args.sr, args.hr))
    if sr.shape != hr.shape:
        sizes = [
            f"{path} is {image.shape[1]}x{image.shape[0]}" for path, image in ((args.sr, sr), (args.hr, hr))
        ]
        raise UserError(f"{', '.join(sizes)}; a score compares pixel with pixel, so bring both to one size")
    print(f"{args.sr} against {args.hr}, {hr.shape[1]}x{hr.shape[0]}\n\n{explain(sr, hr)}")
    return 0


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give an image file") from error


if __name__ == "__main__":
    sys.exit(main())
