"""MSIM: both branches see several receptive fields (MFEB), then each other (SFIM)."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from smlnet_jax.models.config import ModelConfig
from smlnet_jax.models.layers import Conv, DepthwiseConv, LayerNorm, SqueezeExcite, scaled
from smlnet_jax.models.mirror import Layout
from smlnet_jax.ops.attention import channel_attention


class MFEB(nnx.Module):
    """Multi-scale feature extraction block, the cure for rigid receptive fields      (docs/model.md, eq. 5).

    h = Conv1x1_{C->2C}(LN(x)); each split of h has its own kernel; y = x + Conv1x1_{2C->C}(SE(GELU(h))).
    """

    def __init__(self, channels: int, kernels: tuple[int, ...], *, rngs: nnx.Rngs):
        split = 2 * channels // len(kernels)
        splits = Layout((split,) * len(kernels))
        self.norm = LayerNorm(channels)
        self.expand = Conv(channels, 2 * channels, 1, writes=splits, rngs=rngs)
        self.scales = nnx.List(
            [DepthwiseConv(split, size, rngs=rngs) if size > 1 else None for size in kernels]
        )
        self.recalibrate = SqueezeExcite(2 * channels, layout=splits, rngs=rngs)
        self.project = Conv(2 * channels, channels, 1, reads=splits, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        splits = jnp.split(self.expand(self.norm(x)), len(self.scales), -1)
        splits = [h if conv is None else conv(h) for conv, h in zip(self.scales, splits, strict=True)]
        h = jax.nn.gelu(jnp.concatenate(splits, -1))
        return x + self.project(self.recalibrate(h))


class CrossAttention(nnx.Module):
    """Channel cross-attention XA(q, kv) of 8 heads; branches of different width meet at the narrower one."""

    def __init__(self, c_query: int, c_key: int, config: ModelConfig, *, rngs: nnx.Rngs):
        width = min(c_query, c_key)
        self.query = Conv(c_query, width, 1, rngs=rngs)
        self.key = Conv(c_key, width, 1, rngs=rngs)
        self.value = Conv(c_key, width, 1, rngs=rngs)
        self.local = nnx.List(
            [DepthwiseConv(width, 3, rngs=rngs) for _ in range(3)] if config.attention_depthwise else []
        )
        self.attend = ChannelAttention(config.attention_heads)
        self.project = Conv(width, c_query, 1, rngs=rngs)

    def __call__(
        self, x: Float[Array, "b h w c_q"], other: Float[Array, "b h w c_k"]
    ) -> Float[Array, "b h w c_q"]:
        q, k, v = self.query(x), self.key(other), self.value(other)
        if self.local:
            q, k, v = (conv(a) for conv, a in zip(self.local, (q, k, v), strict=True))
        return self.project(self.attend(q, k, v))


class ChannelAttention(nnx.Module):
    """`channel_attention` with its learned temperature, one a head."""

    def __init__(self, heads: int):
        self.temperature = nnx.Param(jnp.ones((heads,)))

    def __call__(
        self, q: Float[Array, "b h w c"], k: Float[Array, "b h w c"], v: Float[Array, "b h w c"]
    ) -> Float[Array, "b h w c"]:
        return channel_attention(q, k, v, self.temperature[...])

    def macs(self, out_shape: tuple[int, ...]) -> int:
        """Multiply-accumulates of the two products of one call, counted head by head as papers do."""
        *pixels, channels = out_shape
        return 2 * math.prod(pixels) * channels**2 // self.temperature[...].shape[0]


class SFIM(nnx.Module):
    """Spatial-frequency interaction module          (docs/model.md, eq. 6).

    f^ = f + XA(q=LN f, kv=LN s);  s^ = s + XA(q=LN s, kv=LN f);  o = gf * f^ + gs * s^.

    Both gates see both branches. Fusion `gate` leaves the attention out, `attention` the gates: o = f^ + s^.
    """

    def __init__(self, c_freq: int, c_spat: int, config: ModelConfig, *, rngs: nnx.Rngs):
        width = min(c_freq, c_spat)
        self.attend = config.fusion != "gate"
        if self.attend:
            self.norm_freq, self.norm_spat = LayerNorm(c_freq), LayerNorm(c_spat)
            self.to_freq = CrossAttention(c_freq, c_spat, config, rngs=rngs)
            self.to_spat = CrossAttention(c_spat, c_freq, config, rngs=rngs)
        self.narrow_freq = Conv(c_freq, width, 1, rngs=rngs) if c_freq > width else None
        self.narrow_spat = Conv(c_spat, width, 1, rngs=rngs) if c_spat > width else None
        self.gates = Gates(width, rngs=rngs) if config.fusion != "attention" else None

    def __call__(self, f: Float[Array, "b h w c_f"], s: Float[Array, "b h w c_s"]) -> Float[Array, "b h w c"]:
        if self.attend:
            norm_f, norm_s = self.norm_freq(f), self.norm_spat(s)
            f, s = f + self.to_freq(norm_f, norm_s), s + self.to_spat(norm_s, norm_f)
        f = f if self.narrow_freq is None else self.narrow_freq(f)
        s = s if self.narrow_spat is None else self.narrow_spat(s)
        if self.gates is None:
            return f + s
        gate_f, gate_s = self.gates(f, s)
        return gate_f * f + gate_s * s


class Gates(nnx.Module):
    """gf, gs = sigmoid(Conv1x1(DW3(GELU(Conv1x1([f, s])))))."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        both = Layout((channels, channels))
        self.squeeze = Conv(2 * channels, channels, 1, reads=both, rngs=rngs)
        self.local = DepthwiseConv(channels, 3, rngs=rngs)
        self.expand = Conv(channels, 2 * channels, 1, writes=both, rngs=rngs)

    def __call__(self, f: Float[Array, "b h w c"], s: Float[Array, "b h w c"]):
        hidden = jax.nn.gelu(self.squeeze(jnp.concatenate([f, s], -1)))
        return jnp.split(jax.nn.sigmoid(self.expand(self.local(hidden))), 2, -1)


class Concat(nnx.Module):
    """The plain alternative to SFIM: Conv1x1([f, s])."""

    def __init__(self, c_freq: int, c_spat: int, *, rngs: nnx.Rngs):
        both = Layout((c_freq, c_spat))
        self.mix = Conv(c_freq + c_spat, min(c_freq, c_spat), 1, reads=both, rngs=rngs)

    def __call__(self, f: Float[Array, "b h w c_f"], s: Float[Array, "b h w c_s"]) -> Float[Array, "b h w c"]:
        return self.mix(jnp.concatenate([f, s], -1))


class MSIM(nnx.Module):
    """Multi-scale spatial-frequency interaction          (docs/model.md, eq. 7).

    o = SFIM(MFEB(F), MFEB(S));  S' = S + Conv1x1(o);  F' = F + beta * Conv1x1(o), beta = 0 at the start.

    So it begins one-way, from both into the spatial branch, and may learn to be two-way. With
    `msim_skip="mfeb"` MFEB(S) and MFEB(F) take the places of the S and F that are added to.
    """

    def __init__(self, c_freq: int, c_spat: int, config: ModelConfig, *, rngs: nnx.Rngs):
        kernels = config.mfeb_kernels
        self.mfeb_freq = MFEB(c_freq, kernels, rngs=rngs) if kernels else None
        self.mfeb_spat = MFEB(c_spat, kernels, rngs=rngs) if kernels else None
        self.skip = config.msim_skip
        self.interact = _interaction(c_freq, c_spat, config, rngs)
        width = min(c_freq, c_spat)
        self.to_spat = Conv(width, c_spat, 1, rngs=rngs)
        self.to_freq = Conv(width, c_freq, 1, rngs=rngs) if config.two_way else None
        self.beta = nnx.Param(jnp.zeros((c_freq,))) if config.two_way else None

    def __call__(self, freq: Float[Array, "b h w c_f"], spat: Float[Array, "b h w c_s"]):
        f = freq if self.mfeb_freq is None else self.mfeb_freq(freq)
        s = spat if self.mfeb_spat is None else self.mfeb_spat(spat)
        o = self.interact(f, s)
        if self.skip == "mfeb":
            freq, spat = f, s
        if self.to_freq is not None and self.beta is not None:
            freq = freq + scaled(self.to_freq(o), self.beta[...])
        return freq, spat + self.to_spat(o)


class SeparateMFEB(nnx.Module):
    """Fusion `none`: each branch, or the only one, keeps its MFEB and sees nothing of the other."""

    def __init__(self, c_freq: int, c_spat: int, config: ModelConfig, *, rngs: nnx.Rngs):
        kernels, branches = config.mfeb_kernels, config.branches
        self.mfeb_freq = MFEB(c_freq, kernels, rngs=rngs) if kernels and branches != "spatial" else None
        self.mfeb_spat = MFEB(c_spat, kernels, rngs=rngs) if kernels and branches != "frequency" else None

    def __call__(self, freq: Float[Array, "b h w c_f"] | None, spat: Float[Array, "b h w c_s"] | None):
        freq = freq if freq is None or self.mfeb_freq is None else self.mfeb_freq(freq)
        spat = spat if spat is None or self.mfeb_spat is None else self.mfeb_spat(spat)
        return freq, spat


def _interaction(c_freq: int, c_spat: int, config: ModelConfig, rngs: nnx.Rngs) -> SFIM | Concat:
    if config.fusion == "concat":
        return Concat(c_freq, c_spat, rngs=rngs)
    return SFIM(c_freq, c_spat, config, rngs=rngs)
