"""What scaling out should cost, on paper: bytes of a step, seconds to move and to compute them, efficiency.

    python -m benchmarks.communication            # the tables of docs/scaling.md
    python -m benchmarks.communication --achieved 0.1 --variants smlnet_lite

Nothing here is measured. Every assumption is a number in this file or a flag.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import NamedTuple

from smlnet_jax.errors import one_line_errors
from smlnet_jax.models import create

BYTES = 4  # of a gradient, and of a parameter: both are float32, whatever model.dtype is
PASSES = 3  # forward passes that a step computes as much as: the backward pass has two products for each
BACKWARD = 2 / 3  # of the step's time: what gradients can be reduced behind
CHIPS = (8, 64, 256)


class Level(NamedTuple):
    """One level of a network, `chips` of which are reached at `bandwidth`."""

    chips: int
    bandwidth: float  # bytes/s that a chip sends, and receives at the same time
    latency: float  # seconds for a hop of a ring


class Machine(NamedTuple):
    """`levels` from the inside out; each divides what is left to reduce among its chips before the next."""

    name: str
    peak: float  # FLOP/s, dense bfloat16
    levels: dict[int, tuple[Level, ...]]  # by number of chips


def _hopper(name: str) -> Machine:
    """Eight GPUs behind NVSwitch, each with a 400 Gb/s adapter of its own."""

    def levels(chips: int) -> tuple[Level, ...]:
        node, nodes = Level(8, 450e9, 3e-6), Level(chips // 8, 50e9, 5e-6)
        return (node,) if chips == 8 else (node, nodes)

    return Machine(name, 989e12, {chips: levels(chips) for chips in CHIPS})


def _torus(name: str, peak: float, link: float, shapes: dict[int, tuple[int, ...]], ring: int) -> Machine:
    """A torus: an axis of a multiple of `ring` chips closes, and so sends both ways; a shorter one is a line.

    `link` is one direction of one link, bytes/s.
    """

    def levels(shape: tuple[int, ...]) -> tuple[Level, ...]:
        return tuple(Level(n, link * (1 if n % ring else 2), 1e-6) for n in shape)

    return Machine(name, peak, {chips: levels(shape) for chips, shape in shapes.items()})


MACHINES = (
    _hopper("H100, H200"),  # one chip and one network; they differ in memory
    _torus("TPU v5e", 197e12, 45e9, {8: (2, 4), 64: (8, 8), 256: (16, 16)}, ring=16),
    _torus("TPU v5p", 459e12, 90e9, {8: (2, 2, 2), 64: (4, 4, 4), 256: (4, 8, 8)}, ring=4),
)


def all_reduce_bytes(parameters: int, chips: int) -> float:
    """What each chip sends in a step, data parallel: a ring's reduce-scatter, then its all-gather."""
    return 2 * (chips - 1) / chips * parameters * BYTES


def fsdp_bytes(parameters: int, chips: int) -> float:
    """What each chip sends in a step under FSDP: parameters gathered for use and again for the backward pass,
    gradients reduced and scattered.
    """
    return 3 * (chips - 1) / chips * parameters * BYTES


def all_reduce_seconds(parameters: int, levels: tuple[Level, ...]) -> float:
    """Level by level, each on the share that the one inside it has left: ring after ring, in one piece."""
    seconds, left = 0.0, float(parameters * BYTES)
    for level in levels:
        steps = 2 * (level.chips - 1)
        seconds += steps * (left / level.chips / level.bandwidth + level.latency)
        left /= level.chips
    return seconds


def compute_seconds(macs: int, images: float, peak: float, achieved: float) -> float:
    """A step on one chip with `images` images, at `achieved` of its peak."""
    return 2 * macs * PASSES * images / (peak * achieved)


def efficiency(compute: float, moving: float, *, hidden: bool) -> float:
    """Compute's share of the step: the all-reduce after it, or behind the backward pass as far as it goes."""
    exposed = max(0.0, moving - BACKWARD * compute) if hidden else moving
    return compute / (compute + exposed)


def images_to_hide(parameters: int, macs: int, machine: Machine, chips: int, achieved: float) -> float:
    """Images a chip from which on the all-reduce is as short as the backward pass."""
    moving = all_reduce_seconds(parameters, machine.levels[chips])
    return moving / (BACKWARD * compute_seconds(macs, 1, machine.peak, achieved))


def table(parameters: int, macs: int, achieved: float, batches: tuple[int, ...]) -> Iterator[str]:
    """Lines of a Markdown table, a row for each machine and number of chips."""
    of_batches = " | ".join(f"{n} images a chip: step, efficiency" for n in batches)
    yield f"| | chips | sent by each, MB | all-reduce, ms | hides from, images a chip | {of_batches} |"
    yield "|---|---|---|---|---|" + "---|" * len(batches)
    for machine in MACHINES:
        for chips in CHIPS:
            moving = all_reduce_seconds(parameters, machine.levels[chips])
            cells = []
            for images in batches:
                compute = compute_seconds(macs, images, machine.peak, achieved)
                low, high = (efficiency(compute, moving, hidden=hidden) for hidden in (False, True))
                cells.append(f"{1e3 * compute:.1f} ms, {low:.0%} to {high:.0%}")
            sent = all_reduce_bytes(parameters, chips) / 1e6
            hides = images_to_hide(parameters, macs, machine, chips, achieved)
            yield (
                f"| {machine.name} | {chips} | {sent:.1f} | {1e3 * moving:.2f} | {hides:.1f} | "
                f"{' | '.join(cells)} |"
            )


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--variants", default="smlnet,smlnet_lite", help="networks, one table each")
    parser.add_argument("--achieved", type=float, default=0.3, help="of the peak FLOP/s; an assumption")
    parser.add_argument("--images", default="4,32", help="images a chip")
    parser.add_argument("--size", type=int, default=128, help="side of the images")
    args = parser.parse_args(argv)
    for name in args.variants.split(","):
        model = create(name)
        parameters, macs = model.param_count(), model.macs(args.size, args.size)
        print(
            f"\n`{name}`: {parameters / 1e6:.2f} M parameters, {macs / 1e9:.2f} GMACs an image, "
            f"at {args.achieved:.0%} of the peak\n"
        )
        print(*table(parameters, macs, args.achieved, tuple(map(int, args.images.split(",")))), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
