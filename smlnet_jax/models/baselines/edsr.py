"""EDSR, the plain deep CNN: Lim et al., CVPR Workshops 2017.

    y0 = Conv3x3(unshuffle(X))                               H / r: the resolution of the LR, r = unshuffle
    y  = y0 + Conv3x3(Res^n(y0)),  Res(x) = x + Conv3x3(relu(Conv3x3(x)))
    I  = X + Conv3x3(Enlarge(y))                             Enlarge: log2(r) times Conv3x3, pixel-shuffle 2

Written from the paper; docs/baselines.md says what differs and why.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from smlnet_jax.errors import UserError
from smlnet_jax.models.config import NetworkConfig, one_of
from smlnet_jax.models.init import zeros_init
from smlnet_jax.models.layers import Conv, pixel_shuffle, pixel_unshuffle, runner
from smlnet_jax.models.mirror import Layout, picture
from smlnet_jax.models.output import Output


@dataclass(frozen=True)
class EDSRConfig(NetworkConfig):
    """The paper's baseline form, 16 blocks of 64 channels. Its large form has 32 of 256."""

    source = "EDSR (Lim et al., CVPR Workshops 2017)"
    can_mirror = True

    name: str = "edsr"
    width: int = 64
    res_blocks: int = 16
    unshuffle: int = 8  # set it to data.scale: the blocks then work at the resolution of the LR

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("unshuffle", self.unshuffle, (2, 4, 8, 16))
        if min(self.width, self.res_blocks) < 1:
            raise UserError(
                f"model.width={self.width} and model.res_blocks={self.res_blocks} must be above 0"
            )

    @property
    def stride(self) -> int:
        return self.unshuffle


class EDSR(nnx.Module):
    """A trunk of residual blocks at the resolution of the LR, then pixel shuffles."""

    def __init__(self, config: EDSRConfig, *, rngs: nnx.Rngs):
        self.config = config
        self.head = Conv(3 * config.unshuffle**2, config.width, reads=picture(config.unshuffle), rngs=rngs)
        self.trunk = nnx.List([ResBlock(config.width, rngs=rngs) for _ in range(config.res_blocks)])
        self.trunk_end = Conv(config.width, config.width, rngs=rngs)
        self.enlarge = Enlarge(config.width, config.unshuffle, rngs=rngs)
        self.tail = Conv(config.width, 3, init=zeros_init, writes=picture(1), rngs=rngs)

    def __call__(self, x: Float[Array, "b h w 3"]) -> Output:
        """X, the LR bicubic-upsampled to the HR size, in [0, 1]; h and w divisible by `config.unshuffle`."""
        run = runner(self.config.remat)
        start = self.head(pixel_unshuffle(x.astype(self.config.dtype), self.config.unshuffle))
        y = start
        for block in self.trunk:
            y = run(block, y)
        residual = self.tail(self.enlarge(start + self.trunk_end(y)))
        return Output(x.astype(jnp.float32) + residual.astype(jnp.float32))


class ResBlock(nnx.Module):
    """x + Conv3x3(relu(Conv3x3(x)))."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        self.conv1, self.conv2 = Conv(channels, channels, rngs=rngs), Conv(channels, channels, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        return x + self.conv2(jax.nn.relu(self.conv1(x)))


class Enlarge(nnx.Module):
    """Height and width times `factor`, a power of two: Conv3x3 -> pixel-shuffle 2 for each doubling."""

    def __init__(self, channels: int, factor: int, *, rngs: nnx.Rngs):
        doublings = range(factor.bit_length() - 1)
        blocks = Layout(unshuffled=2)
        self.expand = nnx.List([Conv(channels, 4 * channels, writes=blocks, rngs=rngs) for _ in doublings])

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b f*h f*w c"]:
        for conv in self.expand:
            x = pixel_shuffle(conv(x), 2)
        return x
