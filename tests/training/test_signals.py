"""SIGTERM and Ctrl-C ask; they do not interrupt."""

import os
import signal

import pytest
from jax.experimental import multihost_utils

from smlnet_jax.training import signals
from smlnet_jax.training.signals import StopSignals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_at_the_next_step_and_says_so(number, capfd):
    with StopSignals() as stop:
        assert not stop.reached(1)
        os.kill(os.getpid(), number)
        assert stop.reached(2)
        assert stop.received == number.name
        assert f"{number.name}: stopping after this step" in capfd.readouterr().err


def test_signal_in_the_middle_of_a_line_of_progress_loses_nothing(monkeypatch):
    class Busy:
        def write(self, _):
            raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")

    monkeypatch.setattr("sys.stderr", Busy())
    with StopSignals() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.reached(1)


def test_second_signal_acts_as_if_nobody_listened():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job starts without it
    with StopSignals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert stop.reached(1)


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with StopSignals():
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_several_processes_leave_it_to_the_service_that_lets_them_agree(monkeypatch):
    monkeypatch.setattr(signals.jax, "process_count", lambda: 2)
    monkeypatch.setattr(multihost_utils, "reached_preemption_sync_point", lambda step: step == 7)
    terminated = []
    before = signal.signal(signal.SIGTERM, lambda *_: terminated.append("SIGTERM"))
    try:
        with StopSignals() as stop:
            os.kill(os.getpid(), signal.SIGINT)  # passed on
            assert terminated == ["SIGTERM"]
            assert [stop.reached(step) for step in (6, 7)] == [False, True]
    finally:
        signal.signal(signal.SIGTERM, before)
