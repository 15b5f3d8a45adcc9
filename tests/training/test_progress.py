"""The line that says how far a run is."""

import contextlib
import io
import os

import pytest

from smlnet_jax.training import progress as module
from smlnet_jax.training.progress import Progress, duration

METRICS = {"loss": 0.01234, "psnr": 24.5}


class Clock:
    """`time.monotonic` that moves when told to."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_line_has_step_loss_psnr_speed_and_time_left(clock):
    out = io.StringIO()
    progress = Progress(1000, 8, out)
    progress.finished(1, METRICS, is_logged=False)  # compiles
    clock.now += 10
    progress.finished(101, METRICS, is_logged=True)  # 100 steps of 8 in 10 s, and 899 to go
    assert out.getvalue() == "step 101/1,000  loss 0.0123  PSNR 24.50 dB  80.0 images/s  1m30s left\n"


def test_validation_and_saving_do_not_count_as_training(clock):
    progress = Progress(1000, 8, io.StringIO())
    progress.finished(1, METRICS, is_logged=False)
    clock.now += 5
    with progress.paused():
        clock.now += 1000
    clock.now += 5
    progress.finished(101, METRICS, is_logged=True)
    assert progress.images_per_second == pytest.approx(80)


def test_first_step_has_no_speed_yet(clock):
    out = io.StringIO()
    Progress(10, 8, out).finished(1, METRICS, is_logged=True)
    assert "images/s" not in out.getvalue()


def test_skipped_updates_are_shown(clock):
    out = io.StringIO()
    Progress(10, 8, out).finished(1, {**METRICS, "bad_total": 2.0}, is_logged=True)
    assert out.getvalue().endswith("2 skipped\n")


def test_terminal_line_overwrites_itself_and_sentences_stay(clock):
    out = Terminal()
    progress = Progress(10, 8, out)
    progress.finished(1, METRICS, is_logged=False)
    clock.now += 0.1
    progress.finished(2, METRICS, is_logged=False)  # too soon to draw again
    assert out.getvalue().count("\r\033[K") == 1 and "\n" not in out.getvalue()
    progress.say("saved")
    assert out.getvalue().endswith("\r\033[Ksaved\n")


def test_connection_that_is_gone_does_not_end_the_run(clock):
    reader, writer = os.pipe()
    os.close(reader)
    with contextlib.suppress(BrokenPipeError), open(writer, "w") as stream:  # noqa: PTH123  closing flushes again
        progress = Progress(10, 8, stream)
        progress.finished(1, METRICS, is_logged=True)
        progress.say("done")
        assert progress.images_per_second != 0


@pytest.mark.parametrize(("seconds", "words"), [(8.4, "8s"), (760, "12m40s"), (11100, "3h05m")])
def test_duration_in_words(seconds, words):
    assert duration(seconds) == words
