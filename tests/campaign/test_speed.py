"""Members are timed in turns, an image at a time."""

import dataclasses

from smlnet_jax.campaign import speed
from smlnet_jax.models import BASELINES


def test_times_are_those_of_an_image_and_a_deeper_network_takes_longer(monkeypatch):
    shallow = dataclasses.replace(BASELINES["edsr"], width=8, res_blocks=1)
    called = []
    monkeypatch.setattr(speed, "_call", lambda config, size: lambda: called.append(config.res_blocks))
    monkeypatch.setattr(speed, "seconds_of", lambda call: call() or 0.004 * called[-1])
    deep = dataclasses.replace(shallow, res_blocks=10)
    found = speed.measure({"shallow": shallow, "deep": deep}, 32, rounds=3)
    assert called == [1, 10] * 3
    assert found["milliseconds"]["shallow"] == {"median": 0.5, "low": 0.5, "high": 0.5}  # of batches of 8
    assert found["milliseconds"]["deep"]["median"] == 5


def test_real_calls_are_compiled_before_they_are_timed():
    config = dataclasses.replace(BASELINES["edsr"], width=4, res_blocks=1)
    found = speed.measure({"edsr": config}, 16, rounds=2)
    times = found["milliseconds"]["edsr"]
    assert 0 < times["low"] <= times["median"] <= times["high"] < 1000
