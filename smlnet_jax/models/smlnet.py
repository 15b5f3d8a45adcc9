"""SMLNet: a spatial and a frequency U-net side by side, joined by MSIM at every stage.

    F0, S0 = Conv3x3(X), Conv3x3(X)
    enc  i = 1..3:    F, S = Down(F), Down(S);  FRB^n(F), SPB^n(S);  F_i, S_i = MSIM(F, S)
    neck:             FRB^n(F), SPB^n(S);  + (F_3, S_3);  MSIM
    dec  i = 2, 1, 0: F, S = Up(F), Up(S);  FRB^n(F), SPB^n(S);  + (F_i, S_i);  MSIM
    I_spa = X + Conv3x3(S), the output;  I_fre = X + Conv3x3(F), supervised beside it

Xie et al., IEEE TIP 2026; a reconstruction, see docs/model.md for what is the paper's and what is ours.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from smlnet_jax.models.config import LEVELS, ModelConfig
from smlnet_jax.models.frequency import FRB
from smlnet_jax.models.init import zeros_init
from smlnet_jax.models.layers import Conv, Down, Up, pixel_shuffle, pixel_unshuffle, runner
from smlnet_jax.models.mirror import picture
from smlnet_jax.models.msim import MSIM, SeparateMFEB
from smlnet_jax.models.output import Output
from smlnet_jax.models.spatial import SPATIAL_BLOCKS

Features = Any  # Float[Array, "b h w c"], or None in the branch that a single-branch net leaves out


class SMLNet(nnx.Module):
    """The dual U-net. `config.branches` may leave a branch out, `config.fusion_stages` the encoder's MSIM."""

    def __init__(self, config: ModelConfig, *, rngs: nnx.Rngs):
        self.config = config
        colors, layout = 3 * config.unshuffle**2, picture(config.unshuffle)
        self.head = Pair(config, lambda widths: Conv(colors, widths[0], reads=layout, rngs=rngs))
        self.encoder = nnx.List(
            [
                Stage(
                    config, level, lambda w, i=level: Down(w[i - 1], w[i], rngs=rngs), encodes=True, rngs=rngs
                )
                for level in range(1, LEVELS)
            ]
        )
        self.neck = Stage(config, LEVELS - 1, None, encodes=True, rngs=rngs)
        self.decoder = nnx.List(
            [
                Stage(
                    config, level, lambda w, i=level: Up(w[i + 1], w[i], rngs=rngs), encodes=False, rngs=rngs
                )
                for level in reversed(range(LEVELS - 1))
            ]
        )
        self.tail = Pair(
            config, lambda widths: Conv(widths[0], colors, init=zeros_init, writes=layout, rngs=rngs)
        )

    def __call__(self, x: Float[Array, "b h w 3"]) -> Output:
        """X, the LR bicubic-upsampled to the HR size, in [0, 1]; h and w divisible by `config.stride`."""
        run = runner(self.config.remat)
        unshuffled = pixel_unshuffle(x.astype(self.config.dtype), self.config.unshuffle)

        freq, spat = self.head(unshuffled, unshuffled)
        skips = [(freq, spat)]
        for stage in self.encoder:
            freq, spat = run(stage, freq, spat)
            skips.append((freq, spat))
        freq, spat = run(self.neck, freq, spat, skips)
        for stage in self.decoder:
            freq, spat = run(stage, freq, spat, skips)

        fre, spa = (self._image(x, residual) for residual in self.tail(freq, spat))
        return Output(fre) if spa is None else Output(spa, fre)

    def _image(self, x: Float[Array, "b h w 3"], residual: Features) -> Features:
        if residual is None:
            return None
        return x.astype(jnp.float32) + pixel_shuffle(residual, self.config.unshuffle).astype(jnp.float32)


class Stage(nnx.Module):
    """One box of the figure: resample, FRB^n beside SPB^n, add the encoder's features, MSIM."""

    def __init__(self, config: ModelConfig, level: int, resample, *, encodes: bool, rngs: nnx.Rngs):
        self.level = level
        self.resample = None if resample is None else Pair(config, resample)
        self.blocks = Blocks(config, level, rngs=rngs)
        fuses = (
            (config.branches == "both" or config.fusion == "none")
            and level in config.fusion_levels
            and (config.fusion_stages == "all" or not encodes)
        )
        self.skip = (
            AllLevels(config, level, rngs=rngs) if config.fusion_stages == "decoder" and not encodes else None
        )
        fusion = MSIM if level in config.msim_levels else SeparateMFEB
        self.msim = (
            fusion(config.freq_widths[level], config.spat_widths[level], config, rngs=rngs) if fuses else None
        )

    def __call__(
        self, freq: Features, spat: Features, skips: list | None = None
    ) -> tuple[Features, Features]:
        if self.resample is not None:
            freq, spat = self.resample(freq, spat)
        freq, spat = self.blocks(freq, spat)
        if skips is not None:
            skip_freq, skip_spat = skips[self.level] if self.skip is None else self.skip(skips)
            freq, spat = _add(freq, skip_freq), _add(spat, skip_spat)
        return (freq, spat) if self.msim is None else self.msim(freq, spat)


class Blocks(nnx.Module):
    """FRB^n in the frequency branch, SPB^n in the spatial one."""

    def __init__(self, config: ModelConfig, level: int, *, rngs: nnx.Rngs):
        freq, spat, n = config.freq_widths[level], config.spat_widths[level], range(config.blocks[level])
        spb = SPATIAL_BLOCKS[config.spatial_block]
        self.frb = nnx.List([FRB(freq, config, rngs=rngs) for _ in n if config.branches != "spatial"])
        self.spb = nnx.List(
            [spb(spat, config.res_blocks, rngs=rngs) for _ in n if config.branches != "frequency"]
        )

    def __call__(self, freq: Features, spat: Features) -> tuple[Features, Features]:
        for frb in self.frb:
            freq = frb(freq)
        for spb in self.spb:
            spat = spb(spat)
        return freq, spat


class Pair(nnx.Module):
    """The same kind of part in each branch that the config has; `make` gets the widths of the branch."""

    def __init__(self, config: ModelConfig, make):
        self.freq = make(config.freq_widths) if config.branches != "spatial" else None
        self.spat = make(config.spat_widths) if config.branches != "frequency" else None

    def __call__(self, freq: Features, spat: Features) -> tuple[Features, Features]:
        return (
            None if self.freq is None else self.freq(freq),
            None if self.spat is None else self.spat(spat),
        )


class AllLevels(nnx.Module):
    """The skip of a decoder stage that sees every encoder level: sum over j of Conv1x1(resize(level j))."""

    def __init__(self, config: ModelConfig, level: int, *, rngs: nnx.Rngs):
        self.level = level
        self.project = nnx.List(
            [
                Pair(config, lambda w, j=source: Conv(w[j], w[level], 1, bias=False, rngs=rngs))
                for source in range(LEVELS)
            ]
        )

    def __call__(self, skips: list[tuple[Features, Features]]) -> tuple[Features, Features]:
        freq, spat = None, None
        for (skip_freq, skip_spat), project in zip(skips, self.project, strict=True):
            shapes = skips[self.level]
            resized = (_resize(a, like) for a, like in zip((skip_freq, skip_spat), shapes, strict=True))
            level_freq, level_spat = project(*resized)
            freq = level_freq if freq is None else _add(freq, level_freq)
            spat = level_spat if spat is None else _add(spat, level_spat)
        return freq, spat


def _add(features: Features, skip: Features) -> Features:
    return None if features is None or skip is None else features + skip


def _resize(features: Features, like: Features) -> Features:
    if features is None or like is None or features.shape[1:3] == like.shape[1:3]:
        return features
    return jax.image.resize(features, (*like.shape[:3], features.shape[3]), "linear")
