"""RCAN, the residual channel attention network: Zhang et al., ECCV 2018.

    y0 = Conv3x3(unshuffle(X))                               H / r: the resolution of the LR, r = unshuffle
    y  = y0 + Conv3x3(Group^g(y0)),  Group(x) = x + Conv3x3(RCAB^n(x))
    I  = X + Conv3x3(Enlarge(y))                             as EDSR

Written from the paper; docs/baselines.md says what differs and why.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from smlnet_jax.errors import UserError
from smlnet_jax.models.baselines.edsr import Enlarge
from smlnet_jax.models.config import NetworkConfig, one_of
from smlnet_jax.models.init import zeros_init
from smlnet_jax.models.layers import Conv, SqueezeExcite, pixel_unshuffle, runner
from smlnet_jax.models.mirror import picture
from smlnet_jax.models.output import Output


@dataclass(frozen=True)
class RCANConfig(NetworkConfig):
    """The published size by default: 400 convolutions in ten groups."""

    source = "RCAN (Zhang et al., ECCV 2018)"
    can_mirror = True

    name: str = "rcan"
    width: int = 64
    groups: int = 10
    res_blocks: int = 20  # RCABs of a group
    reduction: int = 16  # of the channel attention
    unshuffle: int = 8  # set it to data.scale: the blocks then work at the resolution of the LR

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("unshuffle", self.unshuffle, (2, 4, 8, 16))
        for field in ("width", "groups", "res_blocks", "reduction"):
            if getattr(self, field) < 1:
                raise UserError(f"model.{field}={getattr(self, field)} must be above 0")

    @property
    def stride(self) -> int:
        return self.unshuffle


class RCAN(nnx.Module):
    """Residual in residual: blocks in groups in a trunk, each with a skip; then pixel shuffles."""

    def __init__(self, config: RCANConfig, *, rngs: nnx.Rngs):
        self.config = config
        self.head = Conv(3 * config.unshuffle**2, config.width, reads=picture(config.unshuffle), rngs=rngs)
        self.groups = nnx.List([Group(config, rngs=rngs) for _ in range(config.groups)])
        self.trunk_end = Conv(config.width, config.width, rngs=rngs)
        self.enlarge = Enlarge(config.width, config.unshuffle, rngs=rngs)
        self.tail = Conv(config.width, 3, init=zeros_init, writes=picture(1), rngs=rngs)

    def __call__(self, x: Float[Array, "b h w 3"]) -> Output:
        """X, the LR bicubic-upsampled to the HR size, in [0, 1]; h and w divisible by `config.unshuffle`."""
        run = runner(self.config.remat)
        start = self.head(pixel_unshuffle(x.astype(self.config.dtype), self.config.unshuffle))
        y = start
        for group in self.groups:
            y = run(group, y)
        residual = self.tail(self.enlarge(start + self.trunk_end(y)))
        return Output(x.astype(jnp.float32) + residual.astype(jnp.float32))


class Group(nnx.Module):
    """x + Conv3x3(RCAB^n(x))."""

    def __init__(self, config: RCANConfig, *, rngs: nnx.Rngs):
        self.blocks = nnx.List([RCAB(config, rngs=rngs) for _ in range(config.res_blocks)])
        self.end = Conv(config.width, config.width, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        y = x
        for block in self.blocks:
            y = block(y)
        return x + self.end(y)


class RCAB(nnx.Module):
    """Residual channel attention block: x + CA(Conv3x3(relu(Conv3x3(x)))), CA squeeze-and-excitation."""

    def __init__(self, config: RCANConfig, *, rngs: nnx.Rngs):
        width = config.width
        self.conv1, self.conv2 = Conv(width, width, rngs=rngs), Conv(width, width, rngs=rngs)
        self.attend = SqueezeExcite(width, config.reduction, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        return x + self.attend(self.conv2(jax.nn.relu(self.conv1(x))))
