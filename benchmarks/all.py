"""Every benchmark, one after the other, each in a process of its own.

python -m benchmarks.all --json benchmarks/baselines/MACHINE
python -m benchmarks.all --json gpu --dtype bfloat16 --data FOLDER --threads 14
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from benchmarks.arguments import DTYPES, FFT_IMPLS, names, output_folder

BENCHMARKS = ("lowerings", "pipeline", "model", "end_to_end", "growth")

# Whom a flag is for; what it means, they say.
FLAGS = {
    "--seconds": BENCHMARKS,
    "--dtype": ("lowerings", "model", "end_to_end", "growth"),
    "--fft-impl": ("model", "end_to_end", "growth"),
    "--data": ("pipeline", "end_to_end"),
    "--threads": ("pipeline", "end_to_end"),
    "--batch-size": ("pipeline", "end_to_end"),
    "--guard": ("end_to_end",),
    "--variants": ("model",),
    "--train-batches": ("model",),
    "--profile": ("model",),
    "--peer": ("model",),
    "--peer-forms": ("model",),
}
CHOICES = {"--dtype": DTYPES, "--fft-impl": FFT_IMPLS}


def known(text: str) -> list[str]:
    """Names of benchmarks, with commas between."""
    for name in (found := names(text)):
        if name not in BENCHMARKS:
            raise argparse.ArgumentTypeError(f"{name} is not one of {', '.join(BENCHMARKS)}")
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--json", type=output_folder, metavar="FOLDER", required=True, help="a file of each goes here"
    )
    parser.add_argument("--only", type=known, default=",".join(BENCHMARKS), help="names, with commas between")
    parser.add_argument("--quick", action="store_true", help="small and short: shows that it runs, no more")
    for flag, takers in FLAGS.items():
        parser.add_argument(flag, choices=CHOICES.get(flag), help=f"of {', '.join(takers)}")
    args = parser.parse_args(argv)
    given = {flag: getattr(args, flag.removeprefix("--").replace("-", "_")) for flag in FLAGS}
    failed = []
    for name in args.only:
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", "--json", str(args.json / f"{name}.json")]
        command += [
            f"{flag}={value}" for flag, value in given.items() if value is not None and name in FLAGS[flag]
        ]
        if subprocess.run(command + ["--quick"] * args.quick, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
