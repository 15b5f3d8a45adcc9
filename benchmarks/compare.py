"""Compares two JSON files of one benchmark, and fails if something has become slower.

    python -m benchmarks.compare BEFORE.json AFTER.json

What is compared are ratios, each to something timed in the same run (a matrix product, the native form, bare
decoding), so that clock and load weigh little. Exit code 1: a ratio dropped by more than --tolerance, or a
row is missing. Exit code 2: the files are not two of a kind.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smlnet_jax.errors import UserError, one_line_errors

TOLERANCE = 0.15


def load(path: Path) -> dict[str, Any]:
    """A file that a benchmark wrote with --json."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if isinstance(found["rows"], dict) and found["benchmark"] else {}
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); make it with --json {path}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not what a benchmark writes; make it anew with --json {path}") from error


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float | None]:
    """By row of `before`: the new ratio over the old one, None where `after` has no such row."""
    return {
        name: after[name]["ratio"] / old["ratio"] if name in after else None for name, old in before.items()
    }


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="drop of a ratio that is let pass")
    args = parser.parse_args(argv)

    before, after = load(args.before), load(args.after)
    if before["benchmark"] != after["benchmark"]:
        raise UserError(
            f"{args.before} is of benchmarks.{before['benchmark']}, {args.after} of "
            f"benchmarks.{after['benchmark']}; compare two of the same"
        )
    failed = 0
    for name, change in changes(before["rows"], after["rows"]).items():
        if change is None:
            verdict = "MISSING"
        else:
            verdict = f"{change - 1:+7.1%}" + ("  SLOWER" if change < 1 - args.tolerance else "")
        failed += change is None or change < 1 - args.tolerance
        print(f"{name:64} {verdict}")
    print(f"{failed} of {len(before['rows'])} slower by more than {args.tolerance:.0%}, or missing")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
