"""SFMNet, the ancestor of SMLNet: Wang et al., CVPR 2023.

    F0, S0 = PReLU(Conv3x3(X)), PReLU(Conv3x3(X))
    seven stages of 64 channels at 64^2, 32^2, 16^2, 16^2 (neck), 32^2, 64^2, 128^2, each
        F, S = resample(F), resample(S)                            not in the neck
        F = Frequency(F);           S = Fusion(F, Spatial(S))
        F = Frequency(F) [+ skip];  S = Fusion(F, Spatial(S) [+ skip])
    I_spa = X + Conv3x3(S), the output;  I_fre = X + Conv3x3(F), supervised beside it

The frequency branch never sees the spatial one. The last four stages add what the encoder had at their size,
the spatial branch before it was fused. Written from the paper; docs/baselines.md says what differs and why.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from smlnet_jax.errors import UserError
from smlnet_jax.models.config import NetworkConfig, one_of
from smlnet_jax.models.frequency import PolarEdit
from smlnet_jax.models.init import kernel_init, zeros_init
from smlnet_jax.models.layers import Conv, DepthwiseConv, Down, PReLU, Up, runner, scaled
from smlnet_jax.models.msim import ChannelAttention
from smlnet_jax.models.output import Output
from smlnet_jax.ops import spectrum

LEVELS = 3  # times that each branch halves height and width

Features = Float[Array, "b h w c"]


@dataclass(frozen=True)
class SFMNetConfig(NetworkConfig):
    """The published size by default."""

    source = "SFMNet (Wang et al., CVPR 2023)"

    name: str = "sfmnet"
    width: int = 64  # channels, at every level of both branches
    attention_heads: int = 8
    literal: bool = False  # the original's quirks: |irfft2|, PReLU after the tails, backward norm
    fft_impl: str = "auto"  # auto | fft | dft

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("fft_impl", self.fft_impl, ("auto", "fft", "dft"))
        if self.width < 1 or self.attention_heads < 1 or self.width % self.attention_heads:
            raise UserError(
                f"model.attention_heads={self.attention_heads} must divide model.width={self.width}, "
                "and both must be above 0"
            )

    @property
    def stride(self) -> int:
        return 2**LEVELS


class SFMNet(nnx.Module):
    """Two U-nets of one width; the spatial one is replaced by the fusion's output twice a stage."""

    def __init__(self, config: SFMNetConfig, *, rngs: nnx.Rngs):
        width = config.width
        self.config = config
        self.head_freq, self.head_spat = Head(width, rngs=rngs), Head(width, rngs=rngs)
        self.encoder = nnx.List(
            [
                Stage(config, [Down(width, width, bias=False, rngs=rngs) for _ in range(2)], rngs=rngs)
                for _ in range(LEVELS)
            ]
        )
        self.neck = Stage(config, None, rngs=rngs)
        self.decoder = nnx.List(
            [Stage(config, [Up(width, width, rngs=rngs) for _ in range(2)], rngs=rngs) for _ in range(LEVELS)]
        )
        self.tail_freq, self.tail_spat = Tail(config, rngs=rngs), Tail(config, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w 3"]) -> Output:
        """X, the LR bicubic-upsampled to the HR size, in [0, 1]; h and w divisible by 8."""
        run = runner(self.config.remat)
        image = x.astype(self.config.dtype)

        freq, spat = self.head_freq(image), self.head_spat(image)
        skips = [(freq, spat)]
        for stage in self.encoder:
            freq, spat, skip = run(stage, freq, spat, None)
            skips.append(skip)
        for stage in (self.neck, *self.decoder):
            freq, spat, _ = run(stage, freq, spat, skips.pop())

        spa, fre = (y.astype(jnp.float32) for y in (self.tail_spat(spat), self.tail_freq(freq)))
        return Output(x.astype(jnp.float32) + spa, x.astype(jnp.float32) + fre)


class Stage(nnx.Module):
    """[Resample,] then twice: a block in each branch, fusion. Skips come in before the second fusion."""

    def __init__(self, config: SFMNetConfig, resample: list[Down] | list[Up] | None, *, rngs: nnx.Rngs):
        self.resample = None if resample is None else nnx.List(resample)
        self.freq = nnx.List([FrequencyBlock(config, rngs=rngs) for _ in range(2)])
        self.spat = nnx.List([SpatialBlock(config.width, rngs=rngs) for _ in range(2)])
        self.fuse = nnx.List([Fusion(config, rngs=rngs) for _ in range(2)])

    def __call__(
        self, freq: Features, spat: Features, skip: tuple[Features, Features] | None
    ) -> tuple[Features, Features, tuple[Features, Features]]:
        """F and S after the stage, and what a later stage of this size adds to its own."""
        if self.resample is not None:
            freq, spat = self.resample[0](freq), self.resample[1](spat)
        freq = self.freq[0](freq)
        spat = self.fuse[0](freq, self.spat[0](spat))
        freq, spat = self.freq[1](freq), self.spat[1](spat)
        if skip is not None:
            freq, spat = freq + skip[0], spat + skip[1]
        return freq, self.fuse[1](freq, spat), (freq, spat)


class FrequencyBlock(nnx.Module):
    """y = x + Conv1x1(irfft2(A' e^{j P'})),  A e^{j P} = rfft2(Conv1x1(x)).

    A' = A + Conv3x3(lrelu(Conv3x3(A))), and the same on the raw phase P. Literally, the absolute value of
    the inverse transform, which flips the sign of about half of it, under the backward norm.
    """

    def __init__(self, config: SFMNetConfig, *, rngs: nnx.Rngs):
        self.literal, self.impl = config.literal, config.fft_impl
        self.enter = Conv(config.width, config.width, 1, rngs=rngs)
        self.edit = PolarEdit(config.width, 3, rngs=rngs)
        self.leave = Conv(config.width, config.width, 1, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        norm = "backward" if self.literal else "ortho"
        bins = spectrum.rfft2(self.enter(x), norm=norm, impl=self.impl)
        image = spectrum.irfft2(self.edit(bins), x.shape[2], norm=norm, impl=self.impl)
        return x + self.leave((jnp.abs(image) if self.literal else image).astype(x.dtype))


class SpatialBlock(nnx.Module):
    """y = s x + PReLU(Conv3x3(R(R(x)))),  R(x) = relu(x + Conv3x3(relu(Conv3x3(x)))); no biases."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        self.convs = nnx.List([Conv(channels, channels, bias=False, rngs=rngs) for _ in range(5)])
        self.act = PReLU()
        self.scale = nnx.Param(jnp.ones(()))

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        first1, first2, second1, second2, last = self.convs
        y = jax.nn.relu(x + first2(jax.nn.relu(first1(x))))
        y = jax.nn.relu(y + second2(jax.nn.relu(second1(y))))
        return scaled(x, self.scale[...]) + self.act(last(y))


class Fusion(nnx.Module):
    """f, s = Conv3x3(F), Conv3x3(S);  f = f + XA(f, s);  s = s + XA(s, f), by the same module;

    gf, gs = sigmoid(Conv3x3(Conv3x3([f, s])));  o = gf f + gs s.
    """

    def __init__(self, config: SFMNetConfig, *, rngs: nnx.Rngs):
        c = config.width
        self.enter_freq, self.enter_spat = Conv(c, c, rngs=rngs), Conv(c, c, rngs=rngs)
        self.attend = CrossAttention(c, config.attention_heads, rngs=rngs)
        self.squeeze, self.gates = Conv(2 * c, c, rngs=rngs), Conv(c, 2 * c, rngs=rngs)

    def __call__(self, freq: Float[Array, "b h w c"], spat: Float[Array, "b h w c"]):
        f, s = self.enter_freq(freq), self.enter_spat(spat)
        f = f + self.attend(f, s)
        s = s + self.attend(s, f)
        gates = jax.nn.sigmoid(self.gates(self.squeeze(jnp.concatenate([f, s], -1))))
        gate_f, gate_s = jnp.split(gates, 2, -1)
        return gate_f * f + gate_s * s


class CrossAttention(nnx.Module):
    """XA(x, other): channels of x ask, channels of other answer; DW3(Conv1x1(.)) before, Conv1x1 after."""

    def __init__(self, channels: int, heads: int, *, rngs: nnx.Rngs):
        self.query = Conv(channels, channels, 1, bias=False, rngs=rngs)
        self.query_local = DepthwiseConv(channels, 3, rngs=rngs)
        self.key_value = Conv(channels, 2 * channels, 1, bias=False, rngs=rngs)
        self.key_value_local = DepthwiseConv(2 * channels, 3, rngs=rngs)
        self.attend = ChannelAttention(heads)
        self.project = Conv(channels, channels, 1, bias=False, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"], other: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        q = self.query_local(self.query(x))
        k, v = jnp.split(self.key_value_local(self.key_value(other)), 2, -1)
        return self.project(self.attend(q, k, v))


class Head(nnx.Module):
    """PReLU(Conv3x3(X)), no bias."""

    def __init__(self, width: int, *, rngs: nnx.Rngs):
        self.conv, self.act = Conv(3, width, bias=False, rngs=rngs), PReLU()

    def __call__(self, x: Float[Array, "b h w 3"]) -> Float[Array, "b h w c"]:
        return self.act(self.conv(x))


class Tail(nnx.Module):
    """The residual Conv3x3(x), zero at the start. Literally, PReLU of it, and at random."""

    def __init__(self, config: SFMNetConfig, *, rngs: nnx.Rngs):
        init = kernel_init if config.literal else zeros_init
        self.conv = Conv(config.width, 3, bias=False, init=init, rngs=rngs)
        self.act = PReLU() if config.literal else None

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w 3"]:
        return self.conv(x) if self.act is None else self.act(self.conv(x))
