"""Metrics on their way from the device to the log, one step late, so that the device never waits for a line
of text.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax

from smlnet_jax.config import TrainConfig
from smlnet_jax.data.pipeline import Batch
from smlnet_jax.training.metrics_log import MetricsLog
from smlnet_jax.training.progress import Progress
from smlnet_jax.training.step import Metrics


class Dispatched(NamedTuple):
    """An update the device was given, and has perhaps not done yet."""

    step: int
    metrics: Metrics
    batch: Batch


class Report:
    """`dispatched` hands over the newest step and collects the one before it; `collect` waits for the newest,
    too.
    """

    def __init__(self, config: TrainConfig, log: MetricsLog, progress: Progress, *, shows: bool):
        self.diverged: tuple[Dispatched, int] | None = (
            None  # the update that was one too many, how many in a row
        )
        self._config, self._log, self._progress, self._shows = config, log, progress, shows
        self._newest: Dispatched | None = None

    def dispatched(self, step: int, metrics: Metrics, batch: Batch) -> None:
        self.collect()
        self._newest = Dispatched(step, metrics, batch)

    def collect(self) -> None:
        """Fetches, logs and shows the metrics of the newest step."""
        if self._newest is None:
            return
        newest, self._newest = self._newest, None
        values = {name: float(value) for name, value in jax.device_get(newest.metrics).items()}
        is_logged = newest.step % self._config.log_every == 0 or newest.step == self._config.steps
        if self._shows:
            self._progress.finished(newest.step, values, is_logged=is_logged)
        if is_logged:
            speed = {"images_per_second": self._progress.images_per_second}
            is_known = not math.isnan(speed["images_per_second"])  # by two steps, and this may be the first
            self._log.write(newest.step, values | speed if is_known else values)
        if values["bad_in_row"] >= self._config.max_bad_steps:
            self.diverged = newest, int(values["bad_in_row"])
