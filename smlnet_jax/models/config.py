"""What a model is made of: one frozen dataclass a kind of network, and SMLNet's named variants."""

from __future__ import annotations

import abc
import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from smlnet_jax.errors import UserError

LEVELS = 4  # 128^2, 64^2, 32^2 and 16^2 for a 128^2 input


@dataclass(frozen=True)
class NetworkConfig(abc.ABC):
    """What the configs of all networks share."""

    source: ClassVar[str]  # the paper that the network follows
    can_mirror: ClassVar[bool] = False  # whether its modules say how mirroring changes their parameters

    name: str
    dtype: str = "float32"  # float32 | bfloat16 (parameters and spectra stay float32)
    remat: bool = False  # recompute each stage in the backward pass
    consistency: int = 0  # scale by which SR is made to reduce to exactly LR; 0 = off
    mirror: bool = False  # tie the parameters: a mirrored face gets the mirrored result (mirror.py)

    def __post_init__(self) -> None:
        if self.mirror and not self.can_mirror:
            raise UserError(
                f"model.mirror=True: nothing says how {self.name}'s parameters are mirrored; it is "
                "for SMLNet, EDSR and RCAN"
            )
        one_of("dtype", self.dtype, ("float32", "bfloat16"))
        one_of("consistency", self.consistency, (0, 2, 4, 8, 16))

    @property
    @abc.abstractmethod
    def stride(self) -> int:
        """Height and width of an input must be divisible by this."""


@dataclass(frozen=True)
class ModelConfig(NetworkConfig):
    """Every choice in SMLNet that an ablation may want to turn.

    Tuples have one entry a level, finest first. See docs/model.md for the equations.
    """

    source = "SMLNet (Xie, Liu, Chen, Liu, Zhang, IEEE TIP 2026, DOI 10.1109/TIP.2026.3702358)"
    can_mirror = True

    name: str = "smlnet_full"
    spat_widths: tuple[int, ...] = (64, 64, 64, 64)  # channels of the spatial branch
    freq_widths: tuple[int, ...] = (64, 64, 64, 64)  # channels of the frequency branch
    blocks: tuple[int, ...] = (1, 2, 2, 2)  # FRBs and SPBs of a stage at each level
    spatial_block: str = "residual"  # residual | naf
    res_blocks: int = 2  # residual blocks, or NAF blocks, in one SPB
    unshuffle: int = 1  # pixel-unshuffle the input by this; 4 runs every stage at 32^2 and below
    branches: str = "both"  # both | spatial | frequency
    fusion: str = "sfim"  # sfim | gate | attention | concat | none
    fusion_stages: str = "all"  # all | decoder (each decoder stage sees all encoder levels)
    fusion_levels: tuple[int, ...] = (0, 1, 2, 3)  # levels whose stages end in MSIM, 0 the finest
    interaction_levels: tuple[int, ...] = (0, 1, 2, 3)  # of those where the branches meet; else MFEB alone
    msim_skip: str = "input"  # input | mfeb: what MSIM adds its output to
    two_way: bool = True  # MSIM may write into the frequency branch (beta)
    mfeb_kernels: tuple[int, ...] = (1, 3, 5, 7)  # depthwise kernel of each split, 1 = identity; () = no MFEB
    attention_heads: int = 8
    attention_depthwise: bool = True  # depthwise 3x3 after the q, k, v projections
    spectrum: str = "phasor"  # phasor | complex (real + imaginary) | polar (SFMNet's) | pixels (no transform)
    spectral_kernel: int = 3  # 3 or 1: kernel of the convolutions on the spectrum
    radial_bands: int = 6  # bands of the learned radial gain; 0 = none
    fft_impl: str = "auto"  # auto | fft | dft

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("spat_widths", "freq_widths", "blocks"):
            if len(getattr(self, field)) != LEVELS or min(getattr(self, field)) < 1:
                raise UserError(
                    f"model.{field}={getattr(self, field)} must be {LEVELS} positive numbers, one a level"
                )
        one_of("branches", self.branches, ("both", "spatial", "frequency"))
        one_of("spatial_block", self.spatial_block, ("residual", "naf"))
        one_of("fusion", self.fusion, ("sfim", "gate", "attention", "concat", "none"))
        one_of("msim_skip", self.msim_skip, ("input", "mfeb"))
        one_of("fusion_stages", self.fusion_stages, ("all", "decoder"))
        one_of("spectrum", self.spectrum, ("phasor", "complex", "polar", "pixels"))
        one_of("fft_impl", self.fft_impl, ("auto", "fft", "dft"))
        one_of("unshuffle", self.unshuffle, (1, 2, 4))
        one_of("spectral_kernel", self.spectral_kernel, (1, 3))
        for field in ("fusion_levels", "interaction_levels"):
            if not set(getattr(self, field)) <= set(range(LEVELS)):
                raise UserError(
                    f"model.{field}={getattr(self, field)} must be some of 0 (the finest) to {LEVELS - 1}"
                )
        if any(kernel < 1 or kernel % 2 == 0 for kernel in self.mfeb_kernels):
            raise UserError(
                f"model.mfeb_kernels={self.mfeb_kernels} must be odd kernel sizes, such as (1, 3, 5, 7)"
            )
        for field in ("attention_heads", "res_blocks"):
            if getattr(self, field) < 1:
                raise UserError(f"model.{field}={getattr(self, field)} must be above 0")
        for width in (*self.spat_widths, *self.freq_widths):
            if self.attends and width % self.attention_heads:
                raise UserError(
                    f"model.attention_heads={self.attention_heads} must divide every width; not so {width}"
                )
            if self.mfeb_kernels and (2 * width) % len(self.mfeb_kernels):
                raise UserError(
                    f"model.mfeb_kernels={self.mfeb_kernels} must split 2 x {width} channels evenly"
                )
        if self.mirror and self.spectrum == "polar":
            raise UserError(
                "model.mirror=True cannot tie a raw phase; set model.spectrum to phasor or complex"
            )
        if self.mirror and self.attends and self.attention_heads % 2:
            raise UserError(
                f"model.attention_heads={self.attention_heads} must be even, for model.mirror=True pairs them"
            )
        if self.spectrum == "pixels" and self.radial_bands:
            raise UserError(
                "model.spectrum='pixels' makes no spectrum that a radial gain could weigh; set "
                "model.radial_bands=0 as well"
            )
        if self.radial_bands < 0 or self.radial_bands == 1:
            raise UserError(f"model.radial_bands={self.radial_bands} must be 0 (off) or at least 2")

    @property
    def stride(self) -> int:
        return 2 ** (LEVELS - 1) * self.unshuffle

    @property
    def attends(self) -> bool:
        """Whether each branch looks at the other by attention."""
        return self.branches == "both" and self.fusion in ("sfim", "attention")

    @property
    def msim_levels(self) -> frozenset[int]:
        """Levels at which the branches meet."""
        meets = self.branches == "both" and self.fusion != "none"
        return frozenset(self.fusion_levels) & frozenset(self.interaction_levels) if meets else frozenset()


def one_of(field: str, value, allowed: tuple) -> None:
    """Raises `UserError` unless `value` is one of those that `model.field` may have."""
    if value not in allowed:
        raise UserError(f"model.{field}={value!r} is unknown; choose one of {', '.join(map(str, allowed))}")


# What evidence made of it (docs/results.md): half the resolution, NAF blocks, a plain FRB, and SFIM at the
# finest level but one. Beside NAF blocks, which have a layer norm, depthwise filters and SE of their own,
# MFEB brings nothing. ModelConfig's own defaults are the equations of docs/model.md, at SFMNet's size.
_NAF = ModelConfig(
    freq_widths=(32,) * 4,
    spatial_block="naf",
    unshuffle=2,
    fusion_levels=(1, 2, 3),
    interaction_levels=(1,),
    msim_skip="mfeb",
    mfeb_kernels=(),
    attention_depthwise=False,
    spectrum="complex",
    spectral_kernel=1,
)

VARIANTS: dict[str, ModelConfig] = {
    "smlnet": dataclasses.replace(_NAF, spat_widths=(112, 192, 320, 384)),
    "smlnet_s": dataclasses.replace(_NAF, spat_widths=(80, 144, 256, 320)),
    "smlnet_l": dataclasses.replace(_NAF, spat_widths=(192, 320, 384, 448)),
    "smlnet_lite": dataclasses.replace(
        _NAF,
        spat_widths=(64, 96, 128, 128),
        freq_widths=(16, 32, 32, 32),
        blocks=(1,) * 4,
        res_blocks=4,
        unshuffle=4,
    ),
    "smlnet_full": ModelConfig(),
    "smlnet_full_s": ModelConfig(spat_widths=(32,) * 4, freq_widths=(32,) * 4),
    "smlnet_full_t": ModelConfig(spat_widths=(32,) * 4, freq_widths=(32,) * 4, blocks=(1,) * 4),
    "smlnet_full_wide": ModelConfig(spat_widths=(48, 64, 96, 128), freq_widths=(48, 64, 96, 128)),
    "smlnet_test": ModelConfig(spat_widths=(16,) * 4, freq_widths=(16,) * 4, blocks=(1,) * 4, res_blocks=1),
}
VARIANTS = {name: dataclasses.replace(config, name=name) for name, config in VARIANTS.items()}
