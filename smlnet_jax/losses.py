"""What training minimises.

    L = |I_spa - HR|_1 + w_fre |I_fre - HR|_1 + w_spec * S(I, HR)

S compares spectra, of I_fre or I_spa, dF = rfft2(I) - rfft2(HR) under the backward norm (no factor forward):

    complex   (|Re dF|_1 + |Im dF|_1) / 2      smooth: no phase that jumps by 2 pi
    polar     |d amplitude|_1 + |d phase|_1    as in SFMNet (Wang et al., CVPR 2023), gradients guarded at
    silent bins

|.|_1 is the mean over all elements.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from smlnet_jax.config import LossConfig
from smlnet_jax.models import Output
from smlnet_jax.ops.spectrum import amplitude_and_phase, rfft2

Scalar = Float[Array, ""]


def restoration_loss(
    out: Output, hr: Float[Array, "b h w 3"], config: LossConfig, fre_weight: Scalar | float
) -> tuple[Scalar, dict[str, Scalar]]:
    """L and its terms, unweighted, by name; images in [0, 1], outputs unclipped.

    A network with one output (`out.fre` is None) has no auxiliary term, and its spectral term looks at that
    output.
    """
    terms = {"l1": l1(out.sr, hr)}
    total = terms["l1"]
    if out.fre is not None:
        terms["l1_fre"] = l1(out.fre, hr)
        total += fre_weight * terms["l1_fre"]
    if config.spectral_weight:
        image = out.sr if out.fre is None or config.spectral_on == "spa" else out.fre
        terms["spectral"] = spectral(image, hr, config.spectral)
        total += config.spectral_weight * terms["spectral"]
    return total, terms


def fre_weight(step: Int[Array, ""], config: LossConfig, steps: int) -> Scalar:
    """Weight of I_fre at a step (from 0): linear from `fre_weight` at the first to `fre_weight_final` at the
    last. A weight that stays makes a program that any number of steps may share.
    """
    if config.fre_weight == config.fre_weight_final:
        return jnp.asarray(config.fre_weight)
    progress = jnp.minimum(step / max(1, steps - 1), 1.0)
    return config.fre_weight + (config.fre_weight_final - config.fre_weight) * progress


def l1(image: Float[Array, "b h w c"], target: Float[Array, "b h w c"]) -> Scalar:
    """Mean absolute difference."""
    return jnp.abs(image - target).mean()


def spectral(image: Float[Array, "b h w c"], target: Float[Array, "b h w c"], kind: str) -> Scalar:
    """Distance of two spectra, `complex` or `polar` (see above); finite gradients for any finite image."""
    if kind == "complex":
        re, im = rfft2(image - target, norm="backward")
        return (jnp.abs(re).mean() + jnp.abs(im).mean()) / 2
    amplitude, phase = amplitude_and_phase(*rfft2(image, norm="backward"))
    target_amplitude, target_phase = amplitude_and_phase(*rfft2(target, norm="backward"))
    return jnp.abs(amplitude - target_amplitude).mean() + jnp.abs(phase - target_phase).mean()


def rgb_psnr(image: Float[Array, "b h w 3"], target: Float[Array, "b h w 3"]) -> Scalar:
    """Mean over the batch of PSNR in dB over RGB, clipped but not quantised: to watch, not to report.

    At most 100 dB, so that a perfect image leaves the mean finite.
    """
    mse = jnp.square(jnp.clip(image, 0, 1) - target).mean((1, 2, 3))
    return (-10 * jnp.log10(jnp.maximum(mse, 1e-10))).mean()
