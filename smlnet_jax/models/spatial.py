"""The spatial branch: residual blocks for fine-grained local texture."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from smlnet_jax.models.layers import Conv, DepthwiseConv, LayerNorm, PReLU, SqueezeExcite, scaled
from smlnet_jax.models.mirror import Layout


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


class NAFBlock(nnx.Module):
    """The block of NAFNet (Chen et al., ECCV 2022), with SE for channel attention    (docs/model.md, eq. 4b).

    y = x + Conv1x1(SE(gate(DW3(Conv1x1(LN x)))));  z = y + Conv1x1(gate(Conv1x1(LN y))).
    """

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        factors = Layout((channels, channels))
        self.norm_pixels, self.norm_channels = LayerNorm(channels), LayerNorm(channels)
        self.expand_pixels = Conv(channels, 2 * channels, 1, writes=factors, rngs=rngs)
        self.local = DepthwiseConv(2 * channels, 3, layout=factors, rngs=rngs)
        self.recalibrate = SqueezeExcite(channels, rngs=rngs)
        self.project_pixels = Conv(channels, channels, 1, rngs=rngs)
        self.expand_channels = Conv(channels, 2 * channels, 1, writes=factors, rngs=rngs)
        self.project_channels = Conv(channels, channels, 1, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"], dtype: DTypeLike) -> Float[Array, "b h w c"]:
        local = gate(self.local(self.expand_pixels(self.norm_pixels(x).astype(dtype))))
        y = x + self.project_pixels(self.recalibrate(local))
        return y + self.project_channels(gate(self.expand_channels(self.norm_channels(y).astype(dtype))))


class NAFBlocks(nnx.Module):
    """The other spatial block, NAFBlock^n: each needs about a seventh of an SPB's multiply-accumulates."""

    def __init__(self, channels: int, blocks: int, *, rngs: nnx.Rngs):
        self.naf_blocks = nnx.List([NAFBlock(channels, rngs=rngs) for _ in range(blocks)])

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        # What the blocks add to stays float32: a gate doubles the relative error of what it multiplies.
        y = x.astype(jnp.float32)
        for block in self.naf_blocks:
            y = block(y, x.dtype)
        return y.astype(x.dtype)


def gate(x: Float[Array, "b h w 2*c"]) -> Float[Array, "b h w c"]:
    """One half of the channels times the other."""
    first, second = jnp.split(x, 2, -1)
    return first * second


SPATIAL_BLOCKS = {"residual": SPB, "naf": NAFBlocks}
