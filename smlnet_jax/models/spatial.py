"""The spatial branch: residual blocks for fine-grained local texture."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from smlnet_jax.models.layers import Conv, PReLU, scaled


class ResBlock(nnx.Module):
    """relu(x + Conv3x3(relu(Conv3x3(x))))."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        self.conv1 = Conv(channels, channels, rngs=rngs)
        self.conv2 = Conv(channels, channels, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        return jax.nn.relu(x + self.conv2(jax.nn.relu(self.conv1(x))))


class SPB(nnx.Module):
    """Spatial block: y = scale * x + PReLU(Conv3x3(ResBlock^n(x)))          (docs/model.md, eq. 4)."""

    def __init__(self, channels: int, res_blocks: int, *, rngs: nnx.Rngs):
        self.res_blocks = nnx.List([ResBlock(channels, rngs=rngs) for _ in range(res_blocks)])
        self.conv = Conv(channels, channels, rngs=rngs)
        self.act = PReLU()
        self.scale = nnx.Param(jnp.ones(()))

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        y = x
        for block in self.res_blocks:
            y = block(y)
        return scaled(x, self.scale[...]) + self.act(self.conv(y))
