"""How cost grows with the side of the images and with the batch: seconds, memory, and the exponent in pixels.

    python -m benchmarks.growth --json growth.json --plot docs/growth.svg

An exponent of 1 is a cost in proportion to the pixels; attention between pixels would have 2. Channel
attention and the FFT (n log n) should stay near 1. All sizes take turns in one run.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from benchmarks.arguments import add_network_flags, arguments, check_sides, counts, network, output_file
from benchmarks.loglog import Line, plot
from benchmarks.model import FORWARD, TRAINING, Program, forward, planned_memory, training
from benchmarks.timing import Call, Matmul, Ratio, Timing, interleaved, row, write
from smlnet_jax.allocation import keep_freed_memory
from smlnet_jax.errors import UserError, one_line_errors
from smlnet_jax.models import Model, create


class Point(NamedTuple):
    """A program for a batch of square images."""

    program: Program
    batch: int
    size: int

    @property
    def name(self) -> str:
        return f"{self.program.name}, {self.size}x{self.size}"


def points(model: Model, sizes: list[int], batches: list[int], *, step: bool) -> list[Point]:
    """Every size at the first batch, and every other batch at the first size."""
    shapes = [(batches[0], size) for size in sizes] + [(batch, sizes[0]) for batch in batches[1:]]
    kinds = (forward, training) if step else (forward,)
    return [Point(make(model, batch, size), batch, size) for make in kinds for batch, size in shapes]


def measure(points: list[Point], matmul: Matmul, seconds: float) -> dict[str, dict[str, Any]]:
    """A row for each point. `ratio` is its images/s against the product's speed, in images a TFLOP; memory is
    what a call takes beside parameters, images included.
    """
    calls: dict[str, Call] = {"matmul": matmul.call}
    memory = {}
    for point in points:
        given = point.program.start()
        compiled = point.program.jitted.lower(*given).compile()
        kept = sum(leaf.nbytes for leaf in jax.tree.leaves(given[0]))  # parameters, or the state of training
        calls[point.name] = point.program.repeat(given)
        memory[point.name] = (planned_memory(compiled) - kept) / 1e6
    times = interleaved(calls, seconds=seconds)
    return {point.name: _row(point, times, matmul, memory[point.name]) for point in points}


def _row(point: Point, times: Mapping[str, Timing], matmul: Matmul, memory: float) -> dict[str, Any]:
    timing = times[point.name]
    return row(
        timing,
        Ratio.of(timing, times["matmul"], 1e12 * point.batch / matmul.flops),
        matmul.unit,
        size=point.size,
        batch=point.batch,
        images_per_second=point.batch / timing.median,
        memory_mb=memory,
    )


def exponent(pixels: list[int], cost: list[float]) -> float:
    """p of the power law cost ~ pixels^p that fits best."""
    return float(np.polyfit(np.log(pixels), np.log(cost), 1)[0])


def steps_between(pixels: list[int], cost: list[float]) -> list[float]:
    """The exponent from each point to the next."""
    return [
        math.log(cost[i + 1] / cost[i]) / math.log(pixels[i + 1] / pixels[i]) for i in range(len(pixels) - 1)
    ]


def growth(rows: Mapping[str, Mapping[str, Any]], kind: str, batch: int) -> dict[str, Any]:
    """Exponents in pixels of the seconds and of the memory of `kind`, forward or training, at `batch`."""
    found = [r for name, r in rows.items() if name.startswith(kind) and r["batch"] == batch]
    pixels = [r["size"] ** 2 for r in found]
    seconds, memory = [r["seconds"] for r in found], [r["memory_mb"] for r in found]
    return {
        "seconds": exponent(pixels, seconds),
        "seconds_between": steps_between(pixels, seconds),
        "memory": exponent(pixels, memory),
        "memory_between": steps_between(pixels, memory),
    }


def curves(rows: Mapping[str, Mapping[str, Any]], kind: str, batch: int) -> list[Line]:
    """Milliseconds an image and megabytes, by side."""
    found = [r for name, r in rows.items() if name.startswith(kind) and r["batch"] == batch]
    sides = tuple(float(r["size"]) for r in found)
    return [
        Line(f"{kind}, ms an image", sides, tuple(1e3 * r["seconds"] / r["batch"] for r in found)),
        Line(f"{kind}, MB", sides, tuple(r["memory_mb"] for r in found)),
    ]


def parser() -> argparse.ArgumentParser:
    found = arguments(__doc__)
    found.add_argument("--variant", default="smlnet_lite")
    found.add_argument("--sizes", type=counts, default="64,128,256,512")
    found.add_argument(
        "--batches", type=counts, default="1,8", help="the first at all sizes, the others at the first size"
    )
    add_network_flags(found)
    found.add_argument("--step", action="store_true", help="the training step, too")
    found.add_argument("--plot", type=output_file, metavar="SVG", help="draw the growth with size")
    return found


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    config = network(args.variant, args)
    if args.quick:
        args.variant, args.sizes, args.batches, args.seconds = config.name, [16, 32], [1], 0
    sizes, batches = args.sizes, args.batches
    check_sides(config, sizes, "--sizes")
    if len(sizes) < 2:
        raise UserError(f"--sizes {sizes[0]}: an exponent takes two sizes or more, such as --sizes 64,128")
    matmul = Matmul(128 if args.quick else 2048 if jax.devices()[0].platform == "cpu" else 8192, args.dtype)
    rows = measure(points(create(config), sizes, batches, step=args.step), matmul, args.seconds)
    for name, found in rows.items():
        low, high = found["seconds_quartiles"]
        print(
            f"{name:40} {found['images_per_second']:8.1f} images/s  {1e3 * found['seconds']:8.1f} ms "
            f"({1e3 * low:.1f} to {1e3 * high:.1f})  {found['memory_mb']:7.0f} MB"
        )
    exponents, lines = {}, []
    for kind in (FORWARD, TRAINING) if args.step else (FORWARD,):
        exponents[kind] = growth(rows, kind, batches[0])
        lines += curves(rows, kind, batches[0])
        for cost in ("seconds", "memory"):
            between = ", ".join(f"{p:.2f}" for p in exponents[kind][f"{cost}_between"])
            print(f"{kind}: {cost} ~ pixels^{exponents[kind][cost]:.2f} ({between} from size to size)")
    write(
        args.json,
        "growth",
        rows,
        variant=args.variant,
        dtype=args.dtype,
        fft_impl=args.fft_impl,
        exponents=exponents,
    )
    if args.plot:
        title = f"{args.variant}, batch {batches[0]}; the dashed lines grow with the pixels"
        args.plot.write_text(plot(lines, title, "side of the image"), encoding="utf-8")
        print(f"wrote {args.plot}")
    return 0


if __name__ == "__main__":
    keep_freed_memory()  # as train.py does
    sys.exit(main())
