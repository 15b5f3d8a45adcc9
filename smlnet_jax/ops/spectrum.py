"""Real Fourier transforms over height and width, and what the frequency branch does with them.

A spectrum is a pair of real arrays `(re, im)`, each `[b, h, w // 2 + 1, c]` float32: no complex type leaves
this file, so the same model code runs where complex numbers do not (TPU programs, ONNX).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec
from jaxtyping import Array, Float

Spectrum = tuple[Float[Array, "b h f c"], Float[Array, "b h f c"]]

# Below this amplitude a bin counts as silent: its phasor shrinks to 0 instead of turning at random. It bounds
# the gradient of the phase; features in [0, 1] have round-off of about 1e-6 per bin under the ortho norm.
SILENCE = 1e-4


def rfft2(x: Float[Array, "b h w c"], *, norm: str = "ortho", impl: str = "auto") -> Spectrum:
    """The half spectrum of every channel.

    Args:
        x: real, any float dtype (computed in float32), any height and width, odd ones too.
        norm: `ortho` or `backward`, as in numpy.
        impl: `fft`, `dft` (matrix products with cosines and sines), or `auto` (dft on TPU, fft elsewhere).
    """
    return _choose(impl, _rfft2_fft, _rfft2_dft, norm)(x.astype(jnp.float32))


def irfft2(
    spectrum: Spectrum, width: int, *, norm: str = "ortho", impl: str = "auto"
) -> Float[Array, "b h w c"]:
    """The image of a half spectrum. `width` tells even from odd. As in numpy."""
    return _choose(impl, _irfft2_fft, _irfft2_dft, norm, width=width)(*spectrum)


def amplitude_and_phasor(
    re: Float[Array, "b h f c"], im: Float[Array, "b h f c"]
) -> tuple[Float[Array, "b h f c"], Spectrum]:
    """A and (c, s) with A * (c, s) = (re, im) exactly and finite gradients everywhere, at 0 too.

    A = sqrt(re^2 + im^2 + SILENCE^2), (c, s) = (re, im) / A: the angle itself, with its infinite gradient at
    0, is never formed. Scaled by the larger part first, so that squares of huge values do not overflow.
    """
    scale = jax.lax.stop_gradient(jnp.maximum(jnp.maximum(jnp.abs(re), jnp.abs(im)), 1.0))
    amplitude = scale * jnp.sqrt((re / scale) ** 2 + (im / scale) ** 2 + (SILENCE / scale) ** 2)
    return amplitude, (re / amplitude, im / amplitude)


def amplitude_and_phase(
    re: Float[Array, "b h f c"], im: Float[Array, "b h f c"]
) -> tuple[Float[Array, "b h f c"], Float[Array, "b h f c"]]:
    """A and P = angle(U) in (-pi, pi]; a bin below sqrt(3) SILENCE has both 0, and gradients of 0.

    A is that of `amplitude_and_phasor`: |U| but for the SILENCE in it.
    """
    amplitude, _ = amplitude_and_phasor(re, im)
    silent = amplitude < 2 * SILENCE
    safe_re, safe_im = jnp.where(silent, 1.0, re), jnp.where(silent, 0.0, im)
    return jnp.where(silent, 0.0, amplitude), jnp.arctan2(safe_im, safe_re)


def rotate(phasor: Spectrum, angle: Float[Array, "b h f c"]) -> Spectrum:
    """The phasor turned by `angle` radians."""
    (cosine, sine), c, s = phasor, jnp.cos(angle), jnp.sin(angle)
    return cosine * c - sine * s, cosine * s + sine * c


def centred(bins: Spectrum, width: int) -> Spectrum:
    """The spectrum as seen from between the two middle columns of an image of that width.

    Mirroring the image then conjugates each bin and reverses the rows, k_y to -k_y, and does nothing else.
    """
    c, s = _half_pixel(width)
    re, im = bins
    return re * c + im * s, im * c - re * s


def uncentred(bins: Spectrum, width: int) -> Spectrum:
    """The inverse of `centred`."""
    c, s = _half_pixel(width)
    re, im = bins
    return re * c - im * s, im * c + re * s


@functools.lru_cache(maxsize=64)
def _half_pixel(width: int) -> tuple[Float[np.ndarray, "f 1"], Float[np.ndarray, "f 1"]]:
    """cos and sin of pi k / width: mirroring sends column x to -1 - x, which is -x from half a pixel away."""
    angle = np.pi * np.arange(width // 2 + 1)[:, None] / width
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


@functools.lru_cache(maxsize=64)
def radial_bands(height: int, width: int, bands: int) -> Float[np.ndarray, "h f bands"]:
    """Triangular windows over radial frequency, 0 to the spectrum's corner; they sum to 1 at each bin."""
    fy = np.fft.fftfreq(height)[:, None]
    fx = np.fft.rfftfreq(width)[None, :]
    radius = np.hypot(fy, fx) / np.hypot(0.5, 0.5)
    position = radius[..., None] * (bands - 1) - np.arange(bands)
    return np.maximum(0.0, 1.0 - np.abs(position)).astype(np.float32)


def batch_local(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of batch-first arrays, run by each device on its own part under a mesh with a `data` axis.

    XLA gathers a sharded batch before an FFT (jax#15680), silently; `shard_map` keeps it where it is. Without
    such a mesh, inside another shard_map, or when the batch does not divide, this is the bare function.
    """

    @functools.wraps(function)
    def local(*arrays):
        mesh = jax.sharding.get_abstract_mesh()
        shards = dict(mesh.shape).get("data", 1)
        if shards == 1 or "data" in mesh.manual_axes or arrays[0].shape[0] % shards:
            return function(*arrays)
        spec = PartitionSpec("data")
        return jax.shard_map(function, in_specs=spec, out_specs=spec)(*arrays)

    return local


def _choose(impl: str, fft: Callable, dft: Callable, norm: str, **kwargs) -> Callable:
    fft, dft = (batch_local(functools.partial(f, norm=norm, **kwargs)) for f in (fft, dft))
    if impl == "auto":
        return functools.partial(_by_platform, fft, dft)
    return {"fft": fft, "dft": dft}[impl]


def _by_platform(fft: Callable, dft: Callable, *arrays):
    """`dft` on TPU, `fft` elsewhere, and in the gradient the transpose of that one alone.

    JAX would differentiate both, and the branch that is never taken would stay in the program, complex
    numbers and all.
    """
    shapes = [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arrays]

    def transposed(transform: Callable) -> Callable:
        return lambda cotangent: jax.linear_transpose(transform, *shapes)(cotangent)

    @jax.custom_vjp
    def transform(*arrays):
        return jax.lax.platform_dependent(*arrays, tpu=dft, default=fft)

    def backward(_, cotangent):
        return jax.lax.platform_dependent(cotangent, tpu=transposed(dft), default=transposed(fft))

    transform.defvjp(lambda *arrays: (transform(*arrays), None), backward)
    return transform(*arrays)


def _rfft2_fft(x, *, norm: str) -> Spectrum:
    spectrum = jnp.fft.rfft2(x, axes=(1, 2), norm=norm)
    return spectrum.real, spectrum.imag


def _irfft2_fft(re, im, *, width: int, norm: str):
    return jnp.fft.irfft2(jax.lax.complex(re, im), s=(re.shape[1], width), axes=(1, 2), norm=norm)


def _rfft2_dft(x, *, norm: str) -> Spectrum:
    _, height, width, _ = x.shape
    scale = 1.0 if norm == "backward" else (height * width) ** -0.5
    (cos_w, sin_w), (cos_h, sin_h) = _half_waves(width), _waves(height)
    re, im = _along_w(cos_w * scale, x), _along_w(-sin_w * scale, x)
    return (
        _along_h(cos_h, re) + _along_h(sin_h, im),
        _along_h(cos_h, im) - _along_h(sin_h, re),
    )


def _irfft2_dft(re, im, *, width: int, norm: str):
    height = re.shape[1]
    scale = 1.0 / (height * width) if norm == "backward" else (height * width) ** -0.5
    (cos_w, sin_w), (cos_h, sin_h) = _half_waves(width), _waves(height)
    # Every column but the self-conjugate ones (zero, and Nyquist of an even width) stands for its mirror too.
    twice = np.full((width // 2 + 1, 1), 2.0, np.float32)
    twice[0] = 1.0
    if width % 2 == 0:
        twice[-1] = 1.0
    re, im = _along_h(cos_h, re) - _along_h(sin_h, im), _along_h(cos_h, im) + _along_h(sin_h, re)
    return _along_w((twice * scale * cos_w).T, re) - _along_w((twice * scale * sin_w).T, im)


def _along_w(matrix, x):
    return jnp.einsum("fw,bhwc->bhfc", matrix, x, precision=jax.lax.Precision.HIGHEST)


def _along_h(matrix, x):
    return jnp.einsum("gh,bhfc->bgfc", matrix, x, precision=jax.lax.Precision.HIGHEST)


@functools.lru_cache(maxsize=64)
def _waves(length: int) -> tuple[np.ndarray, np.ndarray]:
    """cos and sin of 2 pi k n / length, [k, n], symmetric; exact at multiples of a quarter turn."""
    turns = np.outer(np.arange(length), np.arange(length)) % length
    angle = 2.0 * np.pi * turns / length
    sine = np.where(2 * turns % length == 0, 0.0, np.sin(angle))
    return np.cos(angle).astype(np.float32), sine.astype(np.float32)


def _half_waves(length: int) -> tuple[np.ndarray, np.ndarray]:
    cosine, sine = _waves(length)
    return cosine[: length // 2 + 1], sine[: length // 2 + 1]
