"""Bicubic interpolation, what every network starts from: Keys, IEEE TASSP 1981.

    I = X                                                    the LR, bicubic-upsampled to the HR size

Without parameters, so there is nothing to train. Tables have the bicubic of Pillow, which rounds to 8 bits
(`eval.weights=bicubic`); this one is the X that networks get, and is not rounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from smlnet_jax.models.config import NetworkConfig
from smlnet_jax.models.output import Output


@dataclass(frozen=True)
class BicubicConfig(NetworkConfig):
    """There is nothing to choose but consistency."""

    source = "bicubic interpolation (Keys, IEEE TASSP 1981)"

    name: str = "bicubic"

    @property
    def stride(self) -> int:
        return 1


class Bicubic(nnx.Module):
    """The identity."""

    def __init__(self, config: BicubicConfig, *, rngs: nnx.Rngs):
        self.config = config

    def __call__(self, x: Float[Array, "b h w 3"]) -> Output:
        """X, the LR bicubic-upsampled to the HR size, in [0, 1]."""
        return Output(x.astype(jnp.float32))
