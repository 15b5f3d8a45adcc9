"""Restormer, the U-net of transformer blocks: Zamir et al., CVPR 2022.

    y = Conv3x3(X)                                                   H,   C channels
    enc i = 0..2:     y_i = Block^n(y);  y = Down(y_i)               H / 2^i,  2^i C
    latent:           y = Block^n(y)                                 H / 8,    8 C
    dec i = 2, 1, 0:  y = Block^n(Conv1x1([Up(y), y_i]))             no Conv1x1 at i = 0, which keeps 2 C
    I = X + Conv3x3(Block^m(y))

Written from the paper; docs/baselines.md says what differs and why.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from smlnet_jax.errors import UserError
from smlnet_jax.models.config import NetworkConfig
from smlnet_jax.models.init import zeros_init
from smlnet_jax.models.layers import Conv, DepthwiseConv, LayerNorm, pixel_shuffle, pixel_unshuffle, runner
from smlnet_jax.models.msim import ChannelAttention
from smlnet_jax.models.output import Output

LEVELS = 4


@dataclass(frozen=True)
class RestormerConfig(NetworkConfig):
    """The published size by default. Tuples have one entry a level, finest first."""

    source = "Restormer (Zamir et al., CVPR 2022)"

    name: str = "restormer"
    width: int = 48  # channels at the finest level; they double at each coarser one
    blocks: tuple[int, ...] = (4, 6, 6, 8)  # of the encoder and of the decoder
    refinement: int = 4  # blocks after the decoder
    heads: tuple[int, ...] = (1, 2, 4, 8)
    expansion: float = 2.66  # hidden channels of the feed-forward part

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("blocks", "heads"):
            if len(getattr(self, field)) != LEVELS or min(getattr(self, field)) < 1:
                raise UserError(
                    f"model.{field}={getattr(self, field)} must be {LEVELS} positive numbers, one a level"
                )
        if self.width < 2 or self.width % 2 or self.refinement < 0 or self.expansion <= 0:
            raise UserError(
                f"model.width={self.width} must be even, model.refinement={self.refinement} 0 or more, "
                f"and model.expansion={self.expansion} above 0"
            )
        for level, heads in enumerate(self.heads):
            if self.width * 2**level % heads:
                raise UserError(
                    f"model.heads={self.heads}: {heads} does not divide the {self.width * 2**level} channels "
                    f"of level {level}"
                )

    @property
    def stride(self) -> int:
        return 2 ** (LEVELS - 1)


class Restormer(nnx.Module):
    """Channel attention and gated feed-forward parts at four levels, then a refinement at the finest."""

    def __init__(self, config: RestormerConfig, *, rngs: nnx.Rngs):
        width = config.width

        def stage(level: int, channels: int, count: int) -> Stage:
            return Stage(channels, config.heads[level], config.expansion, count, rngs=rngs)

        self.config = config
        self.head = Conv(3, width, bias=False, rngs=rngs)
        self.encoder = nnx.List([stage(i, width * 2**i, config.blocks[i]) for i in range(LEVELS)])
        self.down = nnx.List([Halve(width * 2**i, rngs=rngs) for i in range(LEVELS - 1)])
        decoded = [2 * width, 2 * width, *[width * 2**i for i in range(2, LEVELS)]]  # channels at each level
        self.up = nnx.List([Double(decoded[i + 1], rngs=rngs) for i in range(LEVELS - 1)])
        self.merge = nnx.List(
            [Conv(width * 2 ** (i + 1), decoded[i], 1, bias=False, rngs=rngs) for i in range(1, LEVELS - 1)]
        )
        self.decoder = nnx.List([stage(i, decoded[i], config.blocks[i]) for i in range(LEVELS - 1)])
        self.refine = stage(0, decoded[0], config.refinement)
        self.tail = Conv(decoded[0], 3, bias=False, init=zeros_init, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w 3"]) -> Output:
        """X, the LR bicubic-upsampled to the HR size, in [0, 1]; h and w divisible by 8."""
        run = runner(self.config.remat)
        y = self.head(x.astype(self.config.dtype))
        skips = []
        for stage, down in zip(self.encoder, self.down, strict=False):
            skips.append(run(stage, y))
            y = down(skips[-1])
        y = run(self.encoder[-1], y)
        for level in reversed(range(LEVELS - 1)):
            y = jnp.concatenate([self.up[level](y), skips[level]], -1)
            y = run(self.decoder[level], y if level == 0 else self.merge[level - 1](y))
        residual = self.tail(run(self.refine, y))
        return Output(x.astype(jnp.float32) + residual.astype(jnp.float32))


class Stage(nnx.Module):
    """Blocks of one width, one after the other."""

    def __init__(self, channels: int, heads: int, expansion: float, count: int, *, rngs: nnx.Rngs):
        self.blocks = nnx.List([Block(channels, heads, expansion, rngs=rngs) for _ in range(count)])

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        for block in self.blocks:
            x = block(x)
        return x


class Block(nnx.Module):
    """x = x + MDTA(LN(x));  y = x + GDFN(LN(x))."""

    def __init__(self, channels: int, heads: int, expansion: float, *, rngs: nnx.Rngs):
        self.norm1, self.norm2 = LayerNorm(channels), LayerNorm(channels)
        self.attention = MDTA(channels, heads, rngs=rngs)
        self.feed_forward = GDFN(channels, int(channels * expansion), rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


class MDTA(nnx.Module):
    """Attention between channels: q, k, v = DW3(Conv1x1(x));  Conv1x1(softmax(t q^T k / (|q| |k|)) v)."""

    def __init__(self, channels: int, heads: int, *, rngs: nnx.Rngs):
        self.enter = Conv(channels, 3 * channels, 1, bias=False, rngs=rngs)
        self.local = DepthwiseConv(3 * channels, 3, rngs=rngs)
        self.attend = ChannelAttention(heads)
        self.leave = Conv(channels, channels, 1, bias=False, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        return self.leave(self.attend(*jnp.split(self.local(self.enter(x)), 3, -1)))


class GDFN(nnx.Module):
    """Gated feed-forward: a, b = DW3(Conv1x1(x));  Conv1x1(GELU(a) b)."""

    def __init__(self, channels: int, hidden: int, *, rngs: nnx.Rngs):
        self.enter = Conv(channels, 2 * hidden, 1, bias=False, rngs=rngs)
        self.local = DepthwiseConv(2 * hidden, 3, rngs=rngs)
        self.leave = Conv(hidden, channels, 1, bias=False, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        gate, value = jnp.split(self.local(self.enter(x)), 2, -1)
        return self.leave(jax.nn.gelu(gate) * value)


class Halve(nnx.Module):
    """Half the size, twice the channels: Conv3x3 to C / 2, pixel-unshuffle 2."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        self.conv = Conv(channels, channels // 2, bias=False, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h/2 w/2 2*c"]:
        return pixel_unshuffle(self.conv(x), 2)


class Double(nnx.Module):
    """Twice the size, half the channels: Conv3x3 to 2 C, pixel-shuffle 2."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        self.conv = Conv(channels, 2 * channels, bias=False, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b 2h 2w c/2"]:
        return pixel_shuffle(self.conv(x), 2)
