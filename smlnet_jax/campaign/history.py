"""What a run's metrics.jsonl tells: how fast it trained, for how long, and its validation on the way."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smlnet_jax.export.workdir import metrics
from smlnet_jax.training.validation import BEST


@dataclass(frozen=True)
class History:
    """`seconds` is time spent on training steps: no compilation, validation or saving, over all restarts."""

    step: int
    seconds: float | None
    images_per_second: float | None
    curve: tuple[tuple[int, float | None, float], ...]  # step, seconds until then, validation PSNR in dB


def read_history(workdir: Path, batch_size: int) -> History | None:
    """None if nothing was logged yet.

    Each row of training says how many images a second there were since the last. The loop does not time its
    first step, which compiles, nor the first after a restart; they count as the steps that follow them.
    """
    rows = metrics(workdir)
    if not rows:
        return None
    timed = [(row["step"], row["images_per_second"]) for row in rows if row.get("images_per_second")]
    marks, seconds = [0], [0.0]
    for (before, _), (step, speed) in itertools.pairwise([(0, 0.0), *timed]):
        marks.append(step)
        seconds.append(seconds[-1] + (step - before) * batch_size / speed)
    last = rows[-1]["step"]
    if not timed:
        return History(last, None, None, tuple((r["step"], None, r[BEST]) for r in rows if _validated(r)))
    if marks[-1] < last:  # a row without a speed: as fast as before
        seconds.append(seconds[-1] * last / marks[-1])
        marks.append(last)

    def until(step: int) -> float:
        return float(np.interp(step, marks, seconds))

    curve = tuple((row["step"], until(row["step"]), row[BEST]) for row in rows if _validated(row))
    return History(last, seconds[-1], marks[-1] * batch_size / seconds[-1], curve)


def _validated(row: dict) -> bool:
    return row.get(BEST) is not None
