"""The frequency branch: residual blocks on the spectrum, where every bin sees the whole face."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from smlnet_jax.models.config import ModelConfig
from smlnet_jax.models.init import kernel_init, zeros_init
from smlnet_jax.models.layers import Conv
from smlnet_jax.models.mirror import FEATURES, Layout
from smlnet_jax.ops import spectrum
from smlnet_jax.ops.spectrum import Spectrum


class FRB(nnx.Module):
    """Frequency residual block: y = x + Conv1x1(irfft2(edit(rfft2(Conv1x1(x)))))      (docs/model.md, eq. 1).

    The spectrum is float32 whatever the dtype of x; `edit` is one of the spectral units below. With
    `spectrum="pixels"` it edits the features themselves: the same block without the Fourier transform.
    """

    def __init__(self, channels: int, config: ModelConfig, *, rngs: nnx.Rngs):
        self.enter = Conv(channels, channels, 1, rngs=rngs)
        self.transforms = config.spectrum != "pixels"
        conv = PeriodicConv if config.mirror and self.transforms else Conv
        self.edit = SPECTRA[config.spectrum](channels, config.spectral_kernel, conv, rngs=rngs)
        self.gain = RadialGain(channels, config.radial_bands) if config.radial_bands else None
        self.leave = Conv(channels, channels, 1, rngs=rngs)
        self.impl = config.fft_impl
        self.centred = config.mirror
        self.rectify = config.spectrum == "polar"  # SFMNet's quirk, part of its literal form

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        u = self.enter(x)
        image = self._through_spectrum(u.astype(jnp.float32)) if self.transforms else self.edit(u)
        return x + self.leave(image.astype(x.dtype))

    def _through_spectrum(self, u: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        bins, width = spectrum.rfft2(u, impl=self.impl), u.shape[2]
        edited = self.edit(spectrum.centred(bins, width) if self.centred else bins)
        if self.gain is not None:
            edited = self.gain(edited, width=width)
        if self.centred:
            edited = spectrum.uncentred(edited, width)
        image = spectrum.irfft2(edited, width, impl=self.impl)
        return jnp.abs(image) if self.rectify else image


def conjugate(channels: int) -> Layout:
    """Real and imaginary parts, or cosines and sines, side by side: mirroring turns to the conjugate."""
    return Layout((channels, channels), (1, -1))


class RadialGain(nnx.Module):
    """Each bin times 1 + g(r): per channel, piecewise linear over radial frequency, g = 0 at the start."""

    def __init__(self, channels: int, bands: int):
        self.bands = nnx.Param(jnp.zeros((bands, channels)))

    def __call__(self, bins: Spectrum, width: int) -> Spectrum:
        re, im = bins
        windows = spectrum.radial_bands(re.shape[1], width, self.bands[...].shape[0])
        gain = 1.0 + jnp.einsum("hfk,kc->hfc", windows, self.bands[...])
        return re * gain, im * gain


class PeriodicConv(Conv):
    """The convolution on a spectrum that is tied: its rows, which mirroring reverses, have no end."""

    flips = 0

    def __call__(self, x: Float[Array, "b h f c_in"]) -> Float[Array, "b h f c_out"]:
        margin = self.kernel[...].shape[0] // 2
        if not margin:
            return self.convolve(x)
        around = jnp.concatenate([x[:, -margin:], x, x[:, :margin]], 1)
        return self.convolve(around)[:, margin:-margin]


class TwoConvs(nnx.Module):
    """Conv(lrelu(Conv(x))), the unit that edits a spectrum, or without one the features."""

    def __init__(
        self,
        c_in: int,
        c_out: int,
        size: int,
        conv: type[Conv],
        *,
        init_last=kernel_init,
        reads: Layout = FEATURES,
        writes: Layout = FEATURES,
        rngs: nnx.Rngs,
    ):
        self.conv1 = conv(c_in, c_out, size, reads=reads, rngs=rngs)
        self.conv2 = conv(c_out, c_out, size, writes=writes, init=init_last, rngs=rngs)

    def __call__(self, x: Float[Array, "b h f c_in"]) -> Float[Array, "b h f c_out"]:
        return self.conv2(jax.nn.leaky_relu(self.conv1(x), 0.1))


class PhasorEdit(nnx.Module):
    """A' = A + Convs(A);  D = pi tanh(Convs([c, s]));  the bin A' (c, s) turned by D  (docs/model.md, eq. 2).

    The phase is a rotation that starts at zero: it is never unwrapped, and its gradient is never infinite.
    """

    def __init__(self, channels: int, size: int, conv: type[Conv] = Conv, *, rngs: nnx.Rngs):
        self.amplitude = TwoConvs(channels, channels, size, conv, rngs=rngs)
        angle = Layout((channels,), (-1,))
        self.phase = TwoConvs(
            2 * channels,
            channels,
            size,
            conv,
            init_last=zeros_init,
            reads=conjugate(channels),
            writes=angle,
            rngs=rngs,
        )

    def __call__(self, bins: Spectrum) -> Spectrum:
        amplitude, phasor = spectrum.amplitude_and_phasor(*bins)
        angle = jnp.pi * jnp.tanh(self.phase(jnp.concatenate(phasor, -1)))
        cosine, sine = spectrum.rotate(phasor, angle)
        amplitude = amplitude + self.amplitude(amplitude)
        return amplitude * cosine, amplitude * sine


class ComplexEdit(nnx.Module):
    """U' = U + Convs([Re U, Im U])          (docs/model.md, eq. 3)."""

    def __init__(self, channels: int, size: int, conv: type[Conv] = Conv, *, rngs: nnx.Rngs):
        both = conjugate(channels)
        self.convs = TwoConvs(2 * channels, 2 * channels, size, conv, reads=both, writes=both, rngs=rngs)

    def __call__(self, bins: Spectrum) -> Spectrum:
        both = jnp.concatenate(bins, -1)
        re, im = jnp.split(both + self.convs(both), 2, -1)
        return re, im


class PolarEdit(nnx.Module):
    """SFMNet's, literally: A' = A + Convs(A), P' = P + Convs(P) on the raw phase, which wraps.

    For ablation. Only its gradient at silent bins is ours: zero where the literal one is NaN.
    """

    def __init__(self, channels: int, size: int, conv: type[Conv] = Conv, *, rngs: nnx.Rngs):
        self.amplitude = TwoConvs(channels, channels, size, conv, rngs=rngs)
        self.phase = TwoConvs(channels, channels, size, conv, rngs=rngs)

    def __call__(self, bins: Spectrum) -> Spectrum:
        amplitude, phase = spectrum.amplitude_and_phase(*bins)
        amplitude = amplitude + self.amplitude(amplitude)
        phase = phase + self.phase(phase)
        return amplitude * jnp.cos(phase), amplitude * jnp.sin(phase)


class PixelEdit(nnx.Module):
    """u' = u + Convs(u) on the pixels, for the question of what the spectrum brings."""

    def __init__(self, channels: int, size: int, conv: type[Conv] = Conv, *, rngs: nnx.Rngs):
        self.convs = TwoConvs(channels, channels, size, conv, rngs=rngs)

    def __call__(self, u: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        return u + self.convs(u)


SPECTRA = {"phasor": PhasorEdit, "complex": ComplexEdit, "polar": PolarEdit, "pixels": PixelEdit}
