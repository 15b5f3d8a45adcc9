"""The small parts of every block. Each computes in the dtype of its input; parameters are float32.

What is broadcast over all pixels, a bias or a scale, meets them in float32: its gradient is a sum over all of
them, and in bfloat16 that stops growing at some hundred terms.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from smlnet_jax.models.init import kernel_init
from smlnet_jax.models.mirror import FEATURES, Layout
from smlnet_jax.ops.depthwise import depthwise_conv


class Conv(nnx.Module):
    """k x k convolution, SAME zero padding, stride 1. A 1x1 kernel is one matrix product over all pixels.

    `reads` and `writes` say what its channels are: only mirroring (mirror.py) asks.
    """

    flips = 1  # the axis along which a mirrored picture reverses the kernel

    def __init__(
        self,
        c_in: int,
        c_out: int,
        size: int = 3,
        *,
        bias: bool = True,
        init=kernel_init,
        reads: Layout = FEATURES,
        writes: Layout = FEATURES,
        rngs: nnx.Rngs,
    ):
        self.reads, self.writes = reads, writes
        self.kernel = nnx.Param(init(rngs.params(), (size, size, c_in, c_out), jnp.float32))
        self.bias = nnx.Param(jnp.zeros((c_out,))) if bias else None

    def __call__(self, x: Float[Array, "b h w c_in"]) -> Float[Array, "b h w c_out"]:
        return self.convolve(x)

    def convolve(self, x: Float[Array, "b h w c_in"]) -> Float[Array, "b h w c_out"]:
        """The convolution itself, which a subclass may give other borders."""
        kernel = self.kernel[...].astype(x.dtype)
        if kernel.shape[:2] == (1, 1):
            y = (x.reshape(-1, x.shape[-1]) @ kernel[0, 0]).reshape(*x.shape[:-1], -1)
        else:
            y = jax.lax.conv_general_dilated(
                x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
        return y if self.bias is None else (y.astype(jnp.float32) + self.bias[...]).astype(x.dtype)

    def mirrored(self, name: str, value: Float[Array, " ..."]) -> Float[Array, " ..."]:
        """Kernel or bias of the same convolution on the mirrored picture."""
        if name == "kernel":
            value = self.reads.mirror(jnp.flip(value, self.flips), 2)
        return self.writes.mirror(value, value.ndim - 1)

    def macs(self, out_shape: tuple[int, ...]) -> int:
        """Multiply-accumulates of one call with an output of this shape."""
        return math.prod(out_shape[:-1]) * self.kernel[...].size


class DepthwiseConv(nnx.Module):
    """One k x k filter a channel, SAME zero padding."""

    def __init__(self, channels: int, size: int, *, layout: Layout = FEATURES, rngs: nnx.Rngs):
        self.layout = layout
        self.kernel = nnx.Param(kernel_init(rngs.params(), (size, size, 1, channels), jnp.float32))

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        return depthwise_conv(x, self.kernel[...].astype(x.dtype))

    def mirrored(self, name: str, value: Float[Array, "k k 1 c"]) -> Float[Array, "k k 1 c"]:
        """The kernel of the same convolution on the mirrored picture."""
        return self.layout.mirror(jnp.flip(value, 1), 3)

    def macs(self, out_shape: tuple[int, ...]) -> int:
        """Multiply-accumulates of one call with an output of this shape."""
        return math.prod(out_shape[:-1]) * self.kernel[...].size


class PReLU(nnx.Module):
    """max(x, 0) + a min(x, 0) with one learned slope (He et al., ICCV 2015)."""

    def __init__(self):
        self.slope = nnx.Param(jnp.full((), 0.25, jnp.float32))

    def __call__(self, x: Float[Array, " ..."]) -> Float[Array, " ..."]:
        return jnp.where(x >= 0, x, scaled(x, self.slope[...]))


def scaled(x: Float[Array, " ..."], by: Float[Array, " ..."]) -> Float[Array, " ..."]:
    """x times what is broadcast over its pixels, in the dtype of x."""
    return (by.astype(jnp.float32) * x.astype(jnp.float32)).astype(x.dtype)


class LayerNorm(nnx.Module):
    """Each pixel's channels to mean 0 and variance 1, then scaled and shifted; statistics in float32."""

    def __init__(self, channels: int):
        self.scale = nnx.Param(jnp.ones((channels,)))
        self.bias = nnx.Param(jnp.zeros((channels,)))

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        wide = x.astype(jnp.float32)
        mean = wide.mean(-1, keepdims=True)
        variance = jnp.square(wide - mean).mean(-1, keepdims=True)
        y = (wide - mean) * jax.lax.rsqrt(variance + 1e-6)
        return (y * self.scale[...] + self.bias[...]).astype(x.dtype)


class SqueezeExcite(nnx.Module):
    """Scales each channel by a sigmoid of what the whole image holds (Hu et al., CVPR 2018)."""

    def __init__(self, channels: int, reduction: int = 8, *, layout: Layout = FEATURES, rngs: nnx.Rngs):
        self.squeeze = Conv(channels, max(channels // reduction, 1), 1, reads=layout, rngs=rngs)
        self.excite = Conv(max(channels // reduction, 1), channels, 1, writes=layout, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        mean = x.mean((1, 2), keepdims=True, dtype=jnp.float32).astype(x.dtype)
        return scaled(x, jax.nn.sigmoid(self.excite(jax.nn.relu(self.squeeze(mean)))))


class Down(nnx.Module):
    """Halves height and width: Conv3x3 -> pixel-unshuffle 2 -> Conv1x1."""

    def __init__(self, c_in: int, c_out: int, *, bias: bool = True, rngs: nnx.Rngs):
        self.conv = Conv(c_in, c_in, bias=False, rngs=rngs)
        self.project = Conv(4 * c_in, c_out, 1, bias=bias, reads=Layout(unshuffled=2), rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c_in"]) -> Float[Array, "b h/2 w/2 c_out"]:
        return self.project(pixel_unshuffle(self.conv(x), 2))


class Up(nnx.Module):
    """Doubles height and width: Conv1x1 -> pixel-shuffle 2 -> PReLU."""

    def __init__(self, c_in: int, c_out: int, *, rngs: nnx.Rngs):
        self.expand = Conv(c_in, 4 * c_out, 1, writes=Layout(unshuffled=2), rngs=rngs)
        self.act = PReLU()

    def __call__(self, x: Float[Array, "b h w c_in"]) -> Float[Array, "b 2h 2w c_out"]:
        return self.act(pixel_shuffle(self.expand(x), 2))


def pixel_unshuffle(x: Float[Array, "b h w c"], factor: int) -> Float[Array, "b h/f w/f f*f*c"]:
    """Each f x f block of pixels becomes the channels of one."""
    b, h, w, c = x.shape
    x = x.reshape(b, h // factor, factor, w // factor, factor, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h // factor, w // factor, factor * factor * c)


def pixel_shuffle(x: Float[Array, "b h w f*f*c"], factor: int) -> Float[Array, "b h*f w*f c"]:
    """The inverse of `pixel_unshuffle` (Shi et al., CVPR 2016)."""
    b, h, w, c = x.shape
    x = x.reshape(b, h, w, factor, factor, c // factor**2).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h * factor, w * factor, c // factor**2)


def runner(remat: bool) -> Callable:
    """`run(block, *features)`: calls the block, recomputing it in the backward pass where `remat`."""
    return _rematerialised if remat else _plain


def _plain(block: Callable, *features):
    return block(*features)


def _rematerialised(block: Callable, *features):
    return jax.checkpoint(lambda *a: block(*a))(*features)
