"""Images a second of the input pipeline alone: read, decode, zoom, flip, make LR, batch.

    python -m benchmarks.pipeline                  # on 2,000 generated JPEGs of 128 x 128
    python -m benchmarks.pipeline --data FOLDER    # or anything that --config.data.train takes

The yardstick is Pillow in one bare thread that decodes the same bytes from memory and does nothing else.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.arguments import arguments, count
from benchmarks.timing import Ratio, Timing, row, write
from smlnet_jax.config import DataConfig
from smlnet_jax.data.pipeline import training_batches
from smlnet_jax.data.records import RecordSource
from smlnet_jax.data.sources import FolderSource, ImageSource, open_source
from smlnet_jax.errors import one_line_errors

SIDE, QUALITY = 128, 95


def generate(folder: Path, count: int, side: int = SIDE) -> None:
    """Smooth random pictures with some grain: JPEGs of 8 to 9 kB at 128 x 128, the size of a face's."""
    rng = np.random.default_rng(0)
    for i in range(count):
        coarse = rng.integers(0, 256, (8, 8, 3), np.uint8)
        smooth = np.asarray(
            Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC), np.float32
        )
        grain = rng.normal(0, 4, (side, side, 1))
        picture = Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))
        picture.save(folder / f"{i:05d}.jpg", quality=QUALITY)


def encoded(faces: ImageSource, count: int) -> list[bytes]:
    """The first `count` faces as the source has them; of one that has no files of its own, as JPEGs."""
    first = range(min(count, len(faces)))
    if isinstance(faces, FolderSource):
        return [(faces.root / faces.names[i]).read_bytes() for i in first]
    if isinstance(faces, RecordSource):
        return [faces.read(i)[1] for i in first]
    found = []
    for i in first:
        buffer = io.BytesIO()
        Image.fromarray(faces[i].image).save(buffer, "JPEG", quality=QUALITY)
        found.append(buffer.getvalue())
    return found


def bare_decoding(files: list[bytes], count: int) -> None:
    """Decodes `count` images, nothing else."""
    for i in range(count):
        np.asarray(Image.open(io.BytesIO(files[i % len(files)])).convert("RGB"))


def measure(config: DataConfig, batch_size: int, batches: int, rounds: int) -> tuple[Timing, Timing]:
    """Seconds for `batches` batches, and for the bare decoding of as many images, in turns."""
    files = encoded(open_source(config.train), 256)
    stream = training_batches(config, batch_size=batch_size, seed=0)
    for _ in range(4):  # the threads are up, and the buffers full
        next(stream)
    ours, bare = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(batches):
            next(stream)
        middle = time.perf_counter()
        bare_decoding(files, batches * batch_size)
        ours.append(middle - start)
        bare.append(time.perf_counter() - middle)
    return Timing(tuple(ours)), Timing(tuple(bare))


def parser() -> argparse.ArgumentParser:
    found = arguments(__doc__)
    found.add_argument("--data", default="", help="folder, tfds:NAME or astronaut:train; default: generated")
    found.add_argument("--batch-size", type=count, default=32)
    found.add_argument("--threads", type=count, default=2, help="that decode")
    return found


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    images, batches, rounds = (24, 1, 3) if args.quick else (2000, 32, 15)
    batch_size = 8 if args.quick else args.batch_size

    with tempfile.TemporaryDirectory() as folder:
        if not args.data:
            generate(Path(folder), images)
        plain = DataConfig(train=args.data or folder, threads=args.threads)
        kinds = {
            "zoom and flip": plain,
            "as they are": dataclasses.replace(plain, zoom=(1.0, 1.0), hflip=False),
            "blind degradation": dataclasses.replace(plain, lr_kernel="blind"),
        }
        rows = {}
        for name, config in kinds.items():
            ours, bare = measure(config, batch_size, batches, rounds)
            per_round, ratio = batches * batch_size, Ratio.of(ours, bare)
            low, high = (per_round / s for s in reversed(ours.quartiles))
            rate = per_round / ours.median
            rows[name] = row(ours, ratio, "one thread that only decodes", images_per_second=rate)
            print(
                f"{name:18} {rate:6.0f} images/s ({low:.0f} to {high:.0f}); {args.threads} threads, "
                f"{ratio.median:.2f} of one thread that only decodes ({per_round / bare.median:.0f})"
            )
    write(args.json, "pipeline", rows, threads=args.threads, batch_size=batch_size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
