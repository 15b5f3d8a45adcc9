"""What scaling out should cost, on paper: bytes of a step, seconds to move and to compute them, efficiency.

    python -m benchmarks.communication            # the tables of docs/scaling.md
    python -m benchmarks.communication --achieved 0.1 --variants smlnet_lite
    python -m benchmarks.communication --variants smlnet_lite --machines H200 --images-per-second 1104

Nothing here is measured, unless the rate of a chip is given. Every assumption is a number in this file or a
flag.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from smlnet_jax.errors import UserError, one_line_errors
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
    gradients reduced and scattered. As much as if all were split, and as XLA does it where it can scatter.
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


def fsdp_seconds(parameters: int, levels: tuple[Level, ...]) -> float:
    """Two gathers and a scatter, each of them half an all-reduce."""
    return 1.5 * all_reduce_seconds(parameters, levels)


def image_seconds(macs: int, peak: float, achieved: float) -> float:
    """What an image takes of a step on one chip, at `achieved` of its peak."""
    return 2 * macs * PASSES / (peak * achieved)


def efficiency(compute: float, moving: float, *, hidden: bool) -> float:
    """Compute's share of the step: the all-reduce after it, or behind the backward pass as far as it goes."""
    exposed = max(0.0, moving - BACKWARD * compute) if hidden else moving
    return compute / (compute + exposed)


def images_to_hide(moving: float, an_image: float) -> float:
    """Images a chip from which on `moving` seconds are as short as the backward pass."""
    return moving / (BACKWARD * an_image)


def in_words(seconds: float) -> str:
    return f"{1e3 * seconds:.1f} ms" if seconds >= 1e-3 else f"{1e6 * seconds:.0f} µs"


def table(
    parameters: int,
    batches: tuple[int, ...],
    an_image: Callable[[Machine], float],
    machines: tuple[Machine, ...] = MACHINES,
) -> Iterator[str]:
    """Lines of a Markdown table, a row for each machine and number of chips; `an_image` takes it seconds."""
    of_batches = " | ".join(f"{n} images a chip: step, efficiency" for n in batches)
    yield (
        f"| | chips | all-reduce: sent by each, MB | time | hides from, images a chip | {of_batches} | "
        "FSDP: sent by each, MB | time |"
    )
    yield "|---|---|---|---|---|" + "---|" * len(batches) + "---|---|"
    for machine in machines:
        for chips in CHIPS:
            levels = machine.levels[chips]
            moving = all_reduce_seconds(parameters, levels)
            cells = []
            for images in batches:
                compute = images * an_image(machine)
                low, high = (efficiency(compute, moving, hidden=hidden) for hidden in (False, True))
                cells.append(f"{in_words(compute)}, {low:.0%} to {high:.0%}")
            sent, fsdp = (of(parameters, chips) / 1e6 for of in (all_reduce_bytes, fsdp_bytes))
            yield (
                f"| {machine.name} | {chips} | {sent:.1f} | {in_words(moving)} | "
                f"{images_to_hide(moving, an_image(machine)):.1f} | {' | '.join(cells)} | "
                f"{fsdp:.1f} | {in_words(fsdp_seconds(parameters, levels))} |"
            )


def _batches(text: str) -> tuple[int, ...]:
    numbers = text.split(",")
    if not all(number.strip().isdecimal() and int(number) for number in numbers):
        raise UserError(f"--images={text} must be numbers of images, with commas between, such as 4,32")
    return tuple(map(int, numbers))


def _machines(text: str) -> tuple[Machine, ...]:
    """Those whose names contain `text`, in any case."""
    found = tuple(machine for machine in MACHINES if text.casefold() in machine.name.casefold())
    if not found:
        raise UserError(f"--machines={text} is none of {'; '.join(machine.name for machine in MACHINES)}")
    return found


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--variants", default="smlnet,smlnet_lite", help="networks, one table each")
    parser.add_argument("--achieved", type=float, default=0.3, help="of the peak FLOP/s; an assumption")
    parser.add_argument(
        "--images-per-second", type=float, help="that a chip trains, measured; not --achieved"
    )
    parser.add_argument("--machines", default="", help="those with this in their names")
    parser.add_argument("--images", default="4,32", help="images a chip")
    parser.add_argument("--size", type=int, default=128, help="side of the images")
    args = parser.parse_args(argv)
    names, rate = args.variants.split(","), args.images_per_second
    batches, machines = _batches(args.images), _machines(args.machines)
    if args.size < 1:
        raise UserError(f"--size={args.size} must be 1 or more: the side of an image")
    if not 0 < args.achieved <= 1:
        raise UserError(f"--achieved={args.achieved:g} must be a share, above 0 and at most 1; 0.3 is 30 %")
    if rate is not None and not 0 < rate < math.inf:
        raise UserError(
            f"--images-per-second={rate:g} must be above 0: images that a chip trains in a second"
        )
    if rate is not None and len(names) > 1:
        raise UserError(f"--images-per-second is the rate of one network; give --variants={names[0]}, say")
    for name in names:
        model = create(name)
        parameters = model.param_count()
        if not parameters:
            raise UserError(f"{name} has no parameters to train; name other --variants")
        macs = model.macs(args.size, args.size)

        def an_image(machine: Machine, macs: int = macs) -> float:
            return 1 / rate if rate else image_seconds(macs, machine.peak, args.achieved)

        speed = f"{rate:,g} images/s a chip" if rate else f"{args.achieved:.0%} of the peak"
        print(
            f"\n`{name}`: {parameters / 1e6:.2f} M parameters, {macs / 1e9:.2f} GMACs an image, at {speed}\n"
        )
        print(*table(parameters, batches, an_image, machines), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
