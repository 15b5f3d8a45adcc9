"""One line that says how far a run is, how fast, and how well."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TextIO

REDRAW = 0.2  # seconds between two pictures of the line on a terminal


class Progress:
    """Counts images a second, and shows a line: one that overwrites itself on a terminal, else plain ones.

    Compilation, validation and saving do not count as training time.
    """

    def __init__(self, steps: int, batch_size: int, stream: TextIO | None = None):
        self._steps, self._batch_size = steps, batch_size
        self._stream = sys.stderr if stream is None else stream
        self._overwrites = self._stream.isatty()
        self._mark: tuple[int, float] | None = None  # step and time from which speed is counted
        self._drawn = 0.0
        self.images_per_second = float("nan")

    def finished(self, step: int, metrics: Mapping[str, float], *, is_logged: bool) -> None:
        """A step has finished; at those that are logged the speed since the last of them is known."""
        now = time.monotonic()
        if self._mark is None:
            self._mark = step, now  # the first step compiles
        elif is_logged:
            since, then = self._mark
            self.images_per_second = (step - since) * self._batch_size / max(now - then, 1e-9)
            self._mark = step, now
        if is_logged or (self._overwrites and now - self._drawn > REDRAW):
            self._show(self._line(step, metrics))
            self._drawn = now

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """What happens inside is not training."""
        before = time.monotonic()
        yield
        if self._mark is not None:
            self._mark = self._mark[0], self._mark[1] + time.monotonic() - before

    def say(self, sentence: str) -> None:
        """A line of its own, which stays."""
        self._print(("\r\033[K" if self._overwrites else "") + sentence + "\n")

    def _show(self, line: str) -> None:
        self._print(f"\r\033[K{line}" if self._overwrites else f"{line}\n")

    def _print(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a connection that is gone: no reason to lose the run
            self._stream.write(text)
            self._stream.flush()

    def _line(self, step: int, metrics: Mapping[str, float]) -> str:
        speed, left = self.images_per_second, ""
        if speed > 0:
            left = (
                f"  {speed:,.1f} images/s  {duration((self._steps - step) * self._batch_size / speed)} left"
            )
        bad = f"  {metrics['bad_total']:.0f} skipped" if metrics.get("bad_total") else ""
        values = f"loss {metrics['loss']:.4f}  PSNR {metrics['psnr']:.2f} dB"
        return f"step {step:,}/{self._steps:,}  {values}{left}{bad}"


def duration(seconds: float) -> str:
    """3h05m, 12m40s, 8s."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{seconds:02d}s" if minutes else f"{seconds}s"
