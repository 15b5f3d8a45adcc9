"""How parameters begin.

With lecun_normal the stacks of residual blocks start at a loss near 50; with this, at exactly bicubic's L1.
"""

from __future__ import annotations

import math
from typing import Any

import jax
from jaxtyping import Array, Float, PRNGKeyArray

zeros_init = jax.nn.initializers.zeros


def kernel_init(source: PRNGKeyArray | Draws, shape: tuple[int, ...], dtype: Any) -> Array:
    """Uniform in +-1 / sqrt(fan_in): variance scaling with scale 1/3. The last axis is the output's."""
    draw = source.draw(shape) if isinstance(source, Draws) else _uniform(source, shape)
    return (draw * math.prod(shape[:-1]) ** -0.5).astype(dtype)


class Draws:
    """Serves modules as `nnx.Rngs` does, from one draw for all of them.

    A draw a kernel is 600 random generators in one program: most of what it would compile at its start.
    """

    def __init__(self, key: PRNGKeyArray, count: int):
        """Kernels may hold `count` numbers in all."""
        self._pool, self._used = _uniform(key, (count,)), 0

    def params(self) -> Draws:
        """What an initialiser takes as its key."""
        return self

    def draw(self, shape: tuple[int, ...]) -> Float[Array, "*shape"]:
        """The next numbers, uniform in [-1, 1)."""
        start, size = self._used, math.prod(shape)
        self._used += size
        return jax.lax.dynamic_slice(self._pool, (start,), (size,)).reshape(shape)


def _uniform(key: PRNGKeyArray, shape: tuple[int, ...]) -> Float[Array, "*shape"]:
    return jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)
