"""Training images a second with real data, against the same step on images that already lie on the device.

    python -m benchmarks.end_to_end                            # smlnet_lite, on 2,000 generated JPEGs
    python -m benchmarks.end_to_end --data FOLDER --variant smlnet --batch-size 32
    python -m benchmarks.end_to_end --guard 0.95               # exit code 1 if real data costs more than 5 %

Real: read, decode, augment, make LR, batch, move to the device, update, as train.py does it. The two take
turns in one run. A ratio of 1 means that the input pipeline costs nothing; the promise is 0.95 or more.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jax

from benchmarks.arguments import add_network_flags, arguments, check_sides, count, network, share
from benchmarks.pipeline import SIDE, generate
from benchmarks.timing import Ratio, Timing, row, write
from smlnet_jax.allocation import keep_freed_memory
from smlnet_jax.config import Config, DataConfig, TrainConfig
from smlnet_jax.data.pipeline import training_batches
from smlnet_jax.errors import one_line_errors
from smlnet_jax.models import create
from smlnet_jax.training.optimizer import transformation
from smlnet_jax.training.sharding import check_batch, data_mesh, place_batch
from smlnet_jax.training.state import abstract_state, born_sharded
from smlnet_jax.training.step import Images, jit_step

PROMISE = 0.95  # of the speed without reading
BUFFERED = 2  # batches that each decoding thread may hold ready; what is ready was not paid for


class Training:
    """A run on all devices whose images come from a call."""

    def __init__(self, config: Config):
        self.mesh = data_mesh()
        model, tx = create(config.model), transformation(config.optim)
        with jax.set_mesh(self.mesh):
            abstract = abstract_state(model, tx, self.mesh, fsdp=False)
            self._state = born_sharded(0, model, tx, abstract)
            self._update = jit_step(model, tx, config, abstract)

    def steps(self, count: int, images: Callable[[], Images]) -> float:
        """Seconds of so many updates, dispatched one after the other and waited for at the end."""
        begun = time.perf_counter()
        with jax.set_mesh(self.mesh):
            for _ in range(count):
                self._state, metrics = self._update(self._state, images())
        jax.block_until_ready(metrics)
        return time.perf_counter() - begun


def measure(config: Config, steps: int, rounds: int, seconds: float) -> tuple[Timing, Timing]:
    """Seconds for `steps` updates on real data, and on one batch that stays on the device, in turns."""
    training = Training(config)
    batches = training_batches(config.data, batch_size=config.train.batch_size, seed=0)

    def read() -> Images:
        batch = next(batches)
        return Images(place_batch(batch.hr, training.mesh), place_batch(batch.lr, training.mesh))

    still = read()
    training.steps(1, lambda: still)  # compiles
    real: list[float] = []
    synthetic: list[float] = []
    end = time.perf_counter() + seconds
    while len(real) < rounds or time.perf_counter() < end:
        synthetic.append(training.steps(steps, lambda: still))
        _drain(batches, BUFFERED * config.data.threads)
        real.append(training.steps(steps, read))
    return Timing(tuple(real)), Timing(tuple(synthetic))


def _drain(batches: Iterator, count: int) -> None:
    """Takes away what was decoded while nobody asked for it."""
    for _ in range(count):
        next(batches)


def parser() -> argparse.ArgumentParser:
    found = arguments(__doc__)
    found.add_argument("--data", default="", help="folder, tfds:NAME or astronaut:train; default: generated")
    found.add_argument("--variant", default="smlnet_lite")
    add_network_flags(found)
    found.add_argument("--size", type=count, default=128, help="side of the images")
    found.add_argument("--batch-size", type=count, default=16)
    found.add_argument("--threads", type=count, default=2, help="that decode")
    found.add_argument("--steps", type=count, default=16, help="of one measurement")
    found.add_argument("--guard", type=share, help="exit code 1 if the ratio is below this, such as 0.95")
    return found


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    model, pictures = network(args.variant, args), 2000
    if args.quick:
        args.variant, args.size, args.batch_size, args.steps, args.seconds = model.name, 16, 8, 1, 0
        pictures = 8
    check_sides(model, [args.size], "--size")
    train = TrainConfig(batch_size=args.batch_size)
    check_batch(train, jax.device_count())

    with tempfile.TemporaryDirectory() as folder:
        if not args.data:
            generate(Path(folder), pictures, max(args.size, SIDE))
        data = DataConfig(train=args.data or folder, threads=args.threads, size=args.size)
        config = Config(model=model, data=data, train=train)
        real, synthetic = measure(config, args.steps, 3 if args.quick else 5, args.seconds)
    ratio, images = Ratio.of(real, synthetic), args.steps * args.batch_size
    found = row(
        real,
        ratio,
        "the same steps on one batch that stays on the device",
        images_per_second=images / real.median,
        synthetic_images_per_second=images / synthetic.median,
    )
    low, high = ratio.quartiles
    name = f"{args.variant}, batch {args.batch_size}"
    print(
        f"{name}: {found['images_per_second']:.1f} images/s with real data, "
        f"{found['synthetic_images_per_second']:.1f} without; "
        f"{ratio.median:.3f} of it ({low:.3f} to {high:.3f})"
    )
    write(
        args.json,
        "end_to_end",
        {name: found},
        threads=args.threads,
        dtype=args.dtype,
        fft_impl=args.fft_impl,
        size=args.size,
    )
    return verdict(ratio, args.guard)


def verdict(ratio: Ratio, guard: float | None) -> int:
    """The exit code. Says so where real data is slower than it may be, which is an error under --guard."""
    least = PROMISE if guard is None else guard
    if ratio.median >= least:
        return 0
    print(
        f"REAL DATA IS SLOWER than {least:.0%} of synthetic: the input pipeline holds training back; try "
        "more --threads, or packed faces (smlnet data prepare)",
        file=sys.stderr,
    )
    return 0 if guard is None else 1


if __name__ == "__main__":
    keep_freed_memory()  # as train.py does
    sys.exit(main())
