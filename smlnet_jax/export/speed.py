"""How long one image takes, here."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp

from smlnet_jax.export.card import Speed
from smlnet_jax.models import Model, Params

BATCHES = (1, 8)


def measure(model: Model, params: Params, size: int, *, seconds: float = 1.0) -> tuple[Speed, ...]:
    """Times the compiled forward pass at each of BATCHES on the default device, for about `seconds` each.

    The median of at least three calls; transfers to and from the device are not in it.
    """
    found = []
    for batch in BATCHES:
        call = forward(model, params, batch, size)
        times: list[float] = []
        while len(times) < 3 or (sum(times) < seconds and len(times) < 1000):
            times.append(seconds_of(call))
        found.append(Speed(device_name(), batch, round(1000 * statistics.median(times) / batch, 3)))
    return tuple(found)


def forward(model: Model, params: Params, batch: int, size: int) -> Callable[[], jax.Array]:
    """A forward pass of `batch` images of `size`, compiled and called once; a call waits for its result."""
    jitted = jax.jit(lambda params, x: model.apply(params, x).sr)
    x = jnp.full((batch, size, size, 3), 0.5)
    jitted(params, x).block_until_ready()
    return lambda: jitted(params, x).block_until_ready()


def seconds_of(call: Callable[[], jax.Array]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def device_name() -> str:
    """The default device, in words that mean something to the reader of a card."""
    device = jax.devices()[0]
    if device.platform != "cpu":
        return device.device_kind
    return f"{processor()}, {_cores()} cores"


def _cores() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
