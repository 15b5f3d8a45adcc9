"""Every benchmark, one after the other, each in a process of its own.

python -m benchmarks.all --json benchmarks/baselines/MACHINE
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

BENCHMARKS = ("lowerings", "pipeline", "model", "end_to_end", "growth")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, metavar="FOLDER", required=True, help="a file of each goes here")
    parser.add_argument("--only", default=",".join(BENCHMARKS), help="names, with commas between")
    args, others = parser.parse_known_args(argv)  # the others are for every benchmark: --quick, --seconds
    failed = []
    for name in args.only.split(","):
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", "--json", str(args.json / f"{name}.json")]
        if subprocess.run([*command, *others], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
