"""How long the forward pass of each member takes, all in one process and in turns.

A machine that other programs use, or that heats up, speeds up and slows down; members that are timed one
after the other then differ by when that was. In turns they share it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from smlnet_jax.export.speed import device_name, forward, seconds_of
from smlnet_jax.models import NetworkConfig, create

BATCH = 8
ROUNDS = 20  # calls of each


def measure(networks: Mapping[str, NetworkConfig], size: int, rounds: int = ROUNDS) -> dict[str, Any]:
    """Milliseconds an image of `size` x `size` in batches of BATCH, compiled, on the default device.

    The device and, for each network, {"median", "low", "high"}: quartiles of its calls. Parameters are drawn
    at random: what they are does not change how long they take.
    """
    calls = {name: _call(config, size) for name, config in networks.items()}
    seconds = np.array([[seconds_of(call) for call in calls.values()] for _ in range(rounds)])
    low, median, high = 1000 / BATCH * np.quantile(seconds, (0.25, 0.5, 0.75), axis=0)
    found = {
        name: {"median": float(m), "low": float(a), "high": float(b)}
        for name, m, a, b in zip(networks, median, low, high, strict=True)
    }
    return {"device": device_name(), "batch": BATCH, "rounds": rounds, "milliseconds": found}


def _call(config: NetworkConfig, size: int) -> Callable[[], jax.Array]:
    model = create(config)
    return forward(model, jax.jit(model.init)(jax.random.key(0)), BATCH, size)
