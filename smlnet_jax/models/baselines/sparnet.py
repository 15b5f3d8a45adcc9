"""SPARNet: Chen et al., Learning Spatial Attention for Face Super-Resolution, IEEE TIP 2020.

    y = Conv3x3(2 X - 1)                                             128^2, 32 channels
    y = FAU_down(y), three times                                     64^2, 32^2, 16^2; 64, 128, 128 channels
    y = FAU(y), ten times                                            16^2
    y = FAU_up(y), three times                                       32^2, 64^2, 128^2; 128, 64, 32 channels
    I = (Conv3x3(y) + 1) / 2                                         no global skip: it draws the whole face

Every 3x3 convolution pads by reflection. Written from the paper; docs/baselines.md says what differs and why.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from smlnet_jax.errors import UserError
from smlnet_jax.models.config import NetworkConfig, one_of
from smlnet_jax.models.layers import Conv, LayerNorm, runner
from smlnet_jax.models.output import Output


@dataclass(frozen=True)
class SPARNetConfig(NetworkConfig):
    """The published size by default."""

    source = "SPARNet (Chen et al., IEEE TIP 2020)"

    name: str = "sparnet"
    widths: tuple[int, ...] = (32, 64, 128, 128)  # channels at each level, finest first
    units: int = 10  # face attention units at the coarsest level
    hourglass_width: int = 64
    hourglass_depth: int = 2  # at the coarsest level, one more at each finer: all end at one resolution
    norm: str = "layer"  # layer | affine: what stands in for batch norm

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("norm", self.norm, ("layer", "affine"))
        if not self.widths or min(*self.widths, self.units, self.hourglass_width, self.hourglass_depth) < 1:
            raise UserError(
                f"model.widths={self.widths}, units, hourglass_width and hourglass_depth must be above 0"
            )

    @property
    def stride(self) -> int:
        return 2 ** (len(self.widths) - 1 + self.hourglass_depth)


class SPARNet(nnx.Module):
    """A residual encoder-decoder whose every unit says where it wants to act."""

    def __init__(self, config: SPARNetConfig, *, rngs: nnx.Rngs):
        widths, last = config.widths, len(config.widths) - 1
        self.config = config
        self.head = ReflectConv(3, widths[0], rngs=rngs)
        levels = [*range(1, last + 1), *[last] * config.units, *reversed(range(last))]
        units, level = [], 0
        for following in levels:
            units.append(FAU(config, level, following, rngs=rngs))
            level = following
        self.units = nnx.List(units)
        self.tail = ReflectConv(widths[0], 3, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w 3"]) -> Output:
        """X, the LR bicubic-upsampled to the HR size, in [0, 1]; h and w divisible by `config.stride`."""
        run = runner(self.config.remat)
        y = self.head((2 * x - 1).astype(self.config.dtype))
        for unit in self.units:
            y = run(unit, y)
        return Output((self.tail(y).astype(jnp.float32) + 1) / 2)


class FAU(nnx.Module):
    """Face attention unit: y = shortcut(x) + f * sigmoid(Hourglass(f)), one attention map for all channels.

    f = Conv3x3(act(norm(Conv3x3(act(norm(x)))))). On the way down the second convolution and the shortcut
    have stride 2, on the way up the first and the shortcut see x twice enlarged (nearest).
    """

    def __init__(self, config: SPARNetConfig, level: int, following: int, *, rngs: nnx.Rngs):
        c_in, c_out = config.widths[level], config.widths[following]
        stride = 2 if following > level else 1
        depth = config.hourglass_depth + len(config.widths) - 1 - following
        self.enlarge = following < level
        self.norm1, self.norm2 = NORMS[config.norm](c_in), NORMS[config.norm](c_out)
        self.conv1 = ReflectConv(c_in, c_out, rngs=rngs)
        self.conv2 = ReflectConv(c_out, c_out, stride, rngs=rngs)
        self.shortcut = ReflectConv(c_in, c_out, stride, rngs=rngs) if following != level else None
        self.enter = ReflectConv(c_out, config.hourglass_width, rngs=rngs)
        self.hourglass = Hourglass(config.hourglass_width, depth, rngs=rngs)
        self.attention = Conv(config.hourglass_width, 1, 1, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c_in"]) -> Float[Array, "b h2 w2 c_out"]:
        f = _act(self.norm1(x))
        if self.enlarge:
            x, f = _twice(x), _twice(f)
        f = self.conv2(_act(self.norm2(self.conv1(f))))
        where = jax.nn.sigmoid(self.attention(self.hourglass(_act(self.enter(f)))))
        return (x if self.shortcut is None else self.shortcut(x)) + f * where


class Hourglass(nnx.Module):
    """H_d(x) = act(Conv(x)) + twice(act(Conv(H_{d-1}(act(Conv_{stride 2}(x)))))),  H_0(x) = act(Conv(x))."""

    def __init__(self, channels: int, depth: int, *, rngs: nnx.Rngs):
        def convs(stride: int) -> nnx.List:
            return nnx.List([ReflectConv(channels, channels, stride, rngs=rngs) for _ in range(depth)])

        self.stay, self.down, self.up = convs(1), convs(2), convs(1)
        self.bottom = ReflectConv(channels, channels, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        kept = []
        for stay, down in zip(self.stay, self.down, strict=True):
            kept.append(_act(stay(x)))
            x = _act(down(x))
        x = _act(self.bottom(x))
        for up in self.up:
            x = kept.pop() + _twice(_act(up(x)))
        return x


class ReflectConv(Conv):
    """3x3 convolution, padded by reflection."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1, *, rngs: nnx.Rngs):
        super().__init__(c_in, c_out, 3, rngs=rngs)
        self.stride = stride

    def __call__(self, x: Float[Array, "b h w c_in"]) -> Float[Array, "b h2 w2 c_out"]:
        padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
        y = jax.lax.conv_general_dilated(
            padded,
            self.kernel[...].astype(x.dtype),
            (self.stride, self.stride),
            "VALID",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        return y if self.bias is None else (y.astype(jnp.float32) + self.bias[...]).astype(x.dtype)


class Affine(nnx.Module):
    """scale x + bias per channel: what a trained batch norm is once its statistics are fixed."""

    def __init__(self, channels: int):
        self.scale = nnx.Param(jnp.ones((channels,)))
        self.bias = nnx.Param(jnp.zeros((channels,)))

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        return (x.astype(jnp.float32) * self.scale[...] + self.bias[...]).astype(x.dtype)


NORMS = {"layer": LayerNorm, "affine": Affine}


def _act(x: Float[Array, " ..."]) -> Float[Array, " ..."]:
    return jax.nn.leaky_relu(x, 0.2)


def _twice(x: Float[Array, "b h w c"]) -> Float[Array, "b 2h 2w c"]:
    return x.repeat(2, 1).repeat(2, 2)
