"""Timing that holds on a machine with other work: everything that is compared takes turns in one run.

A ratio is taken round by round, between calls a moment apart, and its median is reported: a load that comes
and goes slows both sides of a round, and one disturbed round moves no median.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Call = Callable[[], Any]


@dataclass(frozen=True)
class Timing:
    """Seconds of each round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        return _quartiles(self.seconds)


@dataclass(frozen=True)
class Ratio:
    """How many times faster one call is than another, round by round; `scale` is the ratio of their work."""

    median: float
    quartiles: tuple[float, float]

    @classmethod
    def of(cls, fast: Timing, slow: Timing, scale: float = 1.0) -> Ratio:
        rounds = [scale * s / f for f, s in zip(fast.seconds, slow.seconds, strict=True)]
        return cls(statistics.median(rounds), _quartiles(rounds))


def interleaved(calls: Mapping[str, Call], *, seconds: float, rounds: int = 5) -> dict[str, Timing]:
    """Times each call once a round, for about `seconds` in all and at least `rounds` rounds.

    A call returns what it computes, which is waited for. Each is called once before, to compile, and rounds
    alternate their direction, so that no call always follows the same one.
    """
    for call in calls.values():
        jax.block_until_ready(call())
    found: dict[str, list[float]] = {name: [] for name in calls}
    end, n = time.perf_counter() + seconds, 0
    while n < rounds or time.perf_counter() < end:
        for name in list(calls) if n % 2 == 0 else reversed(list(calls)):
            found[name].append(_seconds(calls[name]))
        n += 1
    return {name: Timing(tuple(times)) for name, times in found.items()}


def _seconds(call: Call) -> float:
    start = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - start


class Matmul:
    """The yardstick for arithmetic: a square float32 (or bfloat16) product, compiled."""

    def __init__(self, side: int, dtype: str = "float32"):
        self.flops, self.dtype = 2 * side**3, dtype
        # At random: of a constant few bits change, so that a GPU at its power limit would multiply it faster.
        a = jax.random.normal(jax.random.key(0), (side, side), dtype)
        self.product = jax.jit(lambda a, b: a @ b)
        self.call: Call = lambda: self.product(a, a)

    @property
    def unit(self) -> str:
        """Of images a second over the product's speed, round by round."""
        return f"{self.dtype} product of the same run, images a TFLOP"


class Copy:
    """The yardstick for memory: reads an array that no cache holds, and writes one of its size."""

    def __init__(self, megabytes: int):
        self.bytes = 2 * megabytes * 2**20
        a = jnp.zeros(megabytes * 2**18, jnp.float32)
        add = jax.jit(lambda a: a + 1)
        self.call: Call = lambda: add(a)


@contextlib.contextmanager
def compilations() -> Iterator[list[float]]:
    """Seconds of each time that JAX compiles inside the block, or fetches what it compiled earlier."""
    found: list[float] = []

    def note(event: str, duration_secs: float, **_) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            found.append(duration_secs)

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_duration_listener(note)


def machine() -> dict[str, Any]:
    """What the figures depend on, without naming the machine."""
    device = jax.devices()[0]
    return {
        "device": _processor() if device.platform == "cpu" else device.device_kind,
        "devices": jax.device_count(),
        "jax": jax.__version__,
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _processor() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        flags = ""
    widest = next((name for flag, name in _VECTORS.items() if flag in flags), "")
    return " ".join(filter(None, (f"{cores}-core", widest, platform.machine().replace("_", "-"))))


_VECTORS = {"amx_bf16": "AMX", "avx512f": "AVX-512", "avx2": "AVX2"}


def row(timing: Timing, ratio: Ratio, to: str, **more: Any) -> dict[str, Any]:
    """One measurement as `benchmarks.compare` reads it. `ratio` is the greater the better."""
    return {
        "seconds": timing.median,
        "seconds_quartiles": timing.quartiles,
        "rounds": len(timing.seconds),
        "ratio": ratio.median,
        "ratio_quartiles": ratio.quartiles,
        "ratio_to": to,
        **more,
    }


def write(path: Path | None, benchmark: str, rows: Mapping[str, Mapping[str, Any]], **more: Any) -> None:
    """Writes the rows of a benchmark, if a path was given."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {"benchmark": benchmark, "machine": machine(), **more, "rows": rows}
    path.write_text(json.dumps(found, indent=1, default=_plain) + "\n", encoding="utf-8")
    print(f"wrote {path}")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is not JSON")


def _quartiles(values) -> tuple[float, float]:
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def milliseconds(timing: Timing) -> str:
    """`12.3 ms (12.0 to 13.1)`: the median and the quartiles."""
    low, high = timing.quartiles
    return f"{1000 * timing.median:.3g} ms ({1000 * low:.3g} to {1000 * high:.3g})"
