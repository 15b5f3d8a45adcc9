"""Compares two JSON files of one benchmark, and fails if something has become slower.

    python -m benchmarks.compare BEFORE.json AFTER.json
    python -m benchmarks.compare benchmarks/baselines/MACHINE FOLDER    # every file of the first

What is compared are ratios, each to something timed in the same run (a matrix product, the native form, bare
decoding), so that clock and load weigh little. For networks they are images a second, not operations, so
that a change which doubles both work and time is slower. Exit code 1: a ratio dropped by more than
--tolerance, or a row is missing. Exit code 2: the files are not two of a kind.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.arguments import share
from smlnet_jax.errors import UserError, one_line_errors

TOLERANCE = 0.15
MEASURED = frozenset({"benchmark", "machine", "rows", "exponents", "peer"})  # all else says what was run


def load(path: Path) -> dict[str, Any]:
    """A file that a benchmark wrote with --json."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not (found["benchmark"] and isinstance(found["rows"], dict) and found["rows"]):
            raise ValueError("no rows")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); make it with --json {path}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not what a benchmark writes; make it anew with --json {path}") from error
    for name, row in found["rows"].items():
        ratio = row.get("ratio") if isinstance(row, dict) else None
        if not isinstance(ratio, int | float) or ratio <= 0:
            raise UserError(
                f"{path}: the row {name!r} has no ratio above 0; make the file anew with --json {path}"
            )
    return found


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float | None]:
    """By row of `before`: the new ratio over the old one, None where `after` has no such row."""
    return {
        name: after[name]["ratio"] / old["ratio"] if name in after else None for name, old in before.items()
    }


def compared(before_path: Path, after_path: Path, tolerance: float) -> int:
    """Prints each row of two files; how many are missing or dropped by more than `tolerance`."""
    before, after = load(before_path), load(after_path)
    if before["benchmark"] != after["benchmark"]:
        raise UserError(
            f"{before_path} is of benchmarks.{before['benchmark']}, {after_path} of "
            f"benchmarks.{after['benchmark']}; compare two of the same"
        )
    for key in sorted((before.keys() | after.keys()) - MEASURED):
        if before.get(key) != after.get(key):
            raise UserError(
                f"{before_path} was made with {key} {before.get(key)}, {after_path} with {after.get(key)}; "
                "compare two of the same"
            )
    for name in before["rows"].keys() & after["rows"].keys():
        yardsticks = [found["rows"][name].get("ratio_to") for found in (before, after)]
        if yardsticks[0] != yardsticks[1]:
            raise UserError(
                f"{name!r} is a ratio to {yardsticks[0]} in {before_path}, to {yardsticks[1]} in "
                f"{after_path}; compare two of the same"
            )
    devices = [found.get("machine", {}).get("device") for found in (before, after)]
    if devices[0] != devices[1]:
        print(f"note: measured on {devices[0]}, then on {devices[1]}; ratios of two machines may differ")
    failed = 0
    for name, change in changes(before["rows"], after["rows"]).items():
        if change is None:
            verdict = "MISSING"
        else:
            verdict = f"{change - 1:+7.1%}" + ("" if change >= 1 - tolerance else "  SLOWER")
        failed += change is None or not change >= 1 - tolerance  # so that NaN fails, too
        print(f"{name:64} {verdict}")
    print(f"{failed} of {len(before['rows'])} slower by more than {tolerance:.0%}, or missing")
    return failed


def pairs(before: Path, after: Path) -> list[tuple[Path, Path]]:
    """Two files, or each file of one folder and that of the same name in the other."""
    if not before.is_dir():
        return [(before, after)]
    if not (found := sorted(before.glob("*.json"))):
        raise UserError(f"{before} has no figures; make them with python -m benchmarks.all --json {before}")
    return [(path, after / path.name) for path in found]


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--tolerance", type=share, default=TOLERANCE, help="drop of a ratio that is let pass")
    args = parser.parse_args(argv)
    failed = sum(compared(*pair, args.tolerance) for pair in pairs(args.before, args.after))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
