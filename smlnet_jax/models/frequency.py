"""The frequency branch: residual blocks on the spectrum, where every bin sees the whole face."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from smlnet_jax.models.config import ModelConfig
from smlnet_jax.models.init import zeros_init
from smlnet_jax.models.layers import Conv
from smlnet_jax.ops import spectrum
from smlnet_jax.ops.spectrum import Spectrum


class FRB(nnx.Module):
    """Frequency residual block: y = x + Conv1x1(irfft2(edit(rfft2(Conv1x1(x)))))      (docs/model.md, eq. 1).

    The spectrum is float32 whatever the dtype of x; `edit` is one of the spectral units below. With
    `spectrum="pixels"` it edits the features themselves: the same block without the Fourier transform.
    """

    def __init__(self, channels: int, config: ModelConfig, *, rngs: nnx.Rngs):
        self.enter = Conv(channels, channels, 1, rngs=rngs)
        self.edit = SPECTRA[config.spectrum](channels, config.spectral_kernel, rngs=rngs)
        self.gain = RadialGain(channels, config.radial_bands) if config.radial_bands else None
        self.leave = Conv(channels, channels, 1, rngs=rngs)
        self.impl = config.fft_impl
        self.transforms = config.spectrum != "pixels"
        self.rectify = config.spectrum == "polar"  # SFMNet's quirk, part of its literal form

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        u = self.enter(x)
        image = self._through_spectrum(u.astype(jnp.float32)) if self.transforms else self.edit(u)
        return x + self.leave(image.astype(x.dtype))

    def _through_spectrum(self, u: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        edited = self.edit(spectrum.rfft2(u, impl=self.impl))
        if self.gain is not None:
            edited = self.gain(edited, width=u.shape[2])
        image = spectrum.irfft2(edited, u.shape[2], impl=self.impl)
        return jnp.abs(image) if self.rectify else image


class RadialGain(nnx.Module):
    """Each bin times 1 + g(r): per channel, piecewise linear over radial frequency, g = 0 at the start."""

    def __init__(self, channels: int, bands: int):
        self.bands = nnx.Param(jnp.zeros((bands, channels)))

    def __call__(self, bins: Spectrum, width: int) -> Spectrum:
        re, im = bins
        windows = spectrum.radial_bands(re.shape[1], width, self.bands[...].shape[0])
        gain = 1.0 + jnp.einsum("hfk,kc->hfc", windows, self.bands[...])
        return re * gain, im * gain


class TwoConvs(nnx.Module):
    """Conv(lrelu(Conv(x))), the unit that edits a spectrum."""

    def __init__(self, c_in: int, c_out: int, size: int, *, init_last=None, rngs: nnx.Rngs):
        self.conv1 = Conv(c_in, c_out, size, rngs=rngs)
        self.conv2 = Conv(c_out, c_out, size, rngs=rngs, **({"init": init_last} if init_last else {}))

    def __call__(self, x: Float[Array, "b h f c_in"]) -> Float[Array, "b h f c_out"]:
        return self.conv2(jax.nn.leaky_relu(self.conv1(x), 0.1))


class PhasorEdit(nnx.Module):
    """A' = A + Convs(A);  D = pi tanh(Convs([c, s]));  the bin A' (c, s) turned by D  (docs/model.md, eq. 2).

    The phase is a rotation that starts at zero: it is never unwrapped, and its gradient is never infinite.
    """

    def __init__(self, channels: int, size: int, *, rngs: nnx.Rngs):
        self.amplitude = TwoConvs(channels, channels, size, rngs=rngs)
        self.phase = TwoConvs(2 * channels, channels, size, init_last=zeros_init, rngs=rngs)

    def __call__(self, bins: Spectrum) -> Spectrum:
        amplitude, phasor = spectrum.amplitude_and_phasor(*bins)
        angle = jnp.pi * jnp.tanh(self.phase(jnp.concatenate(phasor, -1)))
        cosine, sine = spectrum.rotate(phasor, angle)
        amplitude = amplitude + self.amplitude(amplitude)
        return amplitude * cosine, amplitude * sine


class ComplexEdit(nnx.Module):
    """U' = U + Convs([Re U, Im U])          (docs/model.md, eq. 3)."""

    def __init__(self, channels: int, size: int, *, rngs: nnx.Rngs):
        self.convs = TwoConvs(2 * channels, 2 * channels, size, rngs=rngs)

    def __call__(self, bins: Spectrum) -> Spectrum:
        both = jnp.concatenate(bins, -1)
        re, im = jnp.split(both + self.convs(both), 2, -1)
        return re, im


class PolarEdit(nnx.Module):
    """SFMNet's, literally: A' = A + Convs(A), P' = P + Convs(P) on the raw phase, which wraps.

    For ablation. Only its gradient at silent bins is ours: zero where the literal one is NaN.
    """

    def __init__(self, channels: int, size: int, *, rngs: nnx.Rngs):
        self.amplitude = TwoConvs(channels, channels, size, rngs=rngs)
        self.phase = TwoConvs(channels, channels, size, rngs=rngs)

    def __call__(self, bins: Spectrum) -> Spectrum:
        amplitude, phase = spectrum.amplitude_and_phase(*bins)
        amplitude = amplitude + self.amplitude(amplitude)
        phase = phase + self.phase(phase)
        return amplitude * jnp.cos(phase), amplitude * jnp.sin(phase)


class PixelEdit(nnx.Module):
    """u' = u + Convs(u) on the pixels, for the question of what the spectrum brings."""

    def __init__(self, channels: int, size: int, *, rngs: nnx.Rngs):
        self.convs = TwoConvs(channels, channels, size, rngs=rngs)

    def __call__(self, u: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        return u + self.convs(u)


SPECTRA = {"phasor": PhasorEdit, "complex": ComplexEdit, "polar": PolarEdit, "pixels": PixelEdit}
