"""Depthwise convolution: one k x k filter a channel, SAME padding, stride 1.

XLA's CPU convolution is slow at grouped filters (docs/benchmarks.md), so there it is a sum of shifted
products with its own backward pass; accelerators keep the native convolution. Both are equal to rounding.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@jax.jit  # traced once a shape, not once a layer
def depthwise_conv(x: Float[Array, "b h w c"], kernel: Float[Array, "k k 1 c"]) -> Float[Array, "b h w c"]:
    """Filters each channel of `x` with its own odd-sized `kernel[:, :, 0, c]`."""
    return _depthwise_conv(x, kernel)


@jax.custom_vjp
def _depthwise_conv(x, kernel):
    return jax.lax.platform_dependent(x, kernel, cpu=shifted, default=native)


def _forward(x, kernel):
    return _depthwise_conv(x, kernel), (x, kernel)


@jax.jit
def _backward(residuals, cotangent):
    return jax.lax.platform_dependent(*residuals, cotangent, cpu=_shifted_backward, default=_native_backward)


_depthwise_conv.defvjp(_forward, _backward)


def native(x: Float[Array, "b h w c"], kernel: Float[Array, "k k 1 c"]) -> Float[Array, "b h w c"]:
    """The convolution as XLA has it."""
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=x.shape[-1]
    )


def shifted(x: Float[Array, "b h w c"], kernel: Float[Array, "k k 1 c"]) -> Float[Array, "b h w c"]:
    """The same as a sum of k * k shifted products, which XLA:CPU fuses into one pass; it adds in float32."""
    _, height, width, _ = x.shape
    size = kernel.shape[0]
    padded, taps = _pad(x.astype(jnp.float32), size // 2), kernel[:, :, 0].astype(jnp.float32)
    total = sum(
        padded[:, row : row + height, column : column + width] * taps[row, column]
        for row in range(size)
        for column in range(size)
    )
    return total.astype(x.dtype)  # type: ignore[union-attr]


def _native_backward(x, kernel, cotangent):
    return jax.vjp(native, x, kernel)[1](cotangent)


def _shifted_backward(x, kernel, cotangent):
    # The input gradient is the same filter turned by 180 degrees. The weight gradient goes row by row:
    # unrolled over all k * k taps, XLA:CPU re-reads the images once a tap.
    _, height, width, _ = x.shape
    size = kernel.shape[0]
    padded = _pad(x, size // 2)

    def row_gradient(row):
        band = jax.lax.dynamic_slice_in_dim(padded, row, height, axis=1)
        taps = [
            jnp.sum(band[:, :, c : c + width] * cotangent, axis=(0, 1, 2), dtype=jnp.float32)
            for c in range(size)
        ]
        return jnp.stack(taps)

    kernel_gradient = jax.lax.map(row_gradient, jnp.arange(size))[:, :, None, :]
    return shifted(cotangent, kernel[::-1, ::-1]), kernel_gradient.astype(kernel.dtype)


def _pad(x, margin: int):
    return jnp.pad(x, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
