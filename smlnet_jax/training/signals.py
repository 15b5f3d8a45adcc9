"""SIGTERM and Ctrl-C ask a run to save and stop; they do not interrupt it."""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType, TracebackType
from typing import Any

import jax
from jax.experimental import multihost_utils


class StopSignals:
    """Listens while it is entered; `reached(step)` says whether to stop after that step.

    A process alone stops at the next step, and a second signal ends it at once, as without this class.
    Several processes must stop at the same step: JAX's preemption service, which owns SIGTERM then, lets them
    agree on one. Ctrl-C is passed on to it. They all have to ask `reached` at every step.
    """

    def __init__(self) -> None:
        self.received = ""
        self._alone = jax.process_count() == 1
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        if self._alone:
            self._listen(signal.SIGTERM, self._note)
            self._listen(signal.SIGINT, self._note)
        else:
            self._listen(signal.SIGINT, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def reached(self, step: int) -> bool:
        """Whether the run ends after `step`, on every process."""
        if self._alone:
            return bool(self.received)
        return multihost_utils.reached_preemption_sync_point(step)

    def _listen(self, number: signal.Signals, handler: Any) -> None:
        self._before[number] = signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.received = signal.Signals(number).name
        signal.signal(number, self._before[signal.Signals(number)])
        say_in_handler(f"{self.received}: stopping after this step; once more ends it at once")


def say_in_handler(sentence: str) -> None:
    """A line to standard error from a signal handler, where `print` may be the very call it interrupted."""
    with contextlib.suppress(OSError):  # nobody reads it: no reason to lose the run
        os.write(2, f"\n{sentence}\n".encode())
