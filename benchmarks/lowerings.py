"""The CPU forms behind the layers, against XLA's native forms: equal to rounding, and how many times faster.

    python -m benchmarks.lowerings
    python -m benchmarks.lowerings --dtype bfloat16

The two forms of a pair take turns, in one run. Each is timed by its name, whichever a layer takes on this
device: so a GPU shows what it would gain from the shifted products, or a CPU from the DFT.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from benchmarks.arguments import DTYPES, arguments
from benchmarks.timing import Ratio, interleaved, milliseconds, row, write
from smlnet_jax.models.layers import pixel_shuffle
from smlnet_jax.ops.attention import channel_attention
from smlnet_jax.ops.depthwise import _shifted_backward, native, shifted
from smlnet_jax.ops.spectrum import irfft2, rfft2

Function = Callable[..., Any]
GRADIENT = ", gradient"
# What rounding alone makes of a sum of products, relative to the largest value. A GPU multiplies float32 as
# TF32, which has three bits more than bfloat16, a TPU as bfloat16. (On a CPU, bfloat16 differed by 0.02, and
# in a gradient by 0.17, where attention as Restormer writes it takes norms in bfloat16.)
ROUNDING = {"bfloat16": 4e-2, "gpu": 5e-3, "tpu": 4e-2}


class Pair(NamedTuple):
    """Two forms of one function of the same arrays. `tolerance`, of the forward pass in exact float32
    products, is relative to the largest value.
    """

    name: str
    ours: Function
    native: Function
    inputs: tuple[Array, ...]
    tolerance: float = 1e-5


def pairs(batch: int, side: int, channels: int, dtype: str = "float32") -> Iterator[Pair]:
    """Each lowering on a stage of `smlnet_full` at `side` x `side`."""
    keys = iter(jax.random.split(jax.random.key(0), 16))

    def normal(*shape: int) -> Array:
        return jax.random.normal(next(keys), shape)

    x = normal(batch, side, side, channels).astype(dtype)
    half = x[..., : channels // 2]
    for size in (3, 5, 7):
        kernel = (normal(size, size, 1, channels // 2) / size).astype(dtype)
        yield Pair(f"depthwise {size}x{size}", shifted_products, native, (half, kernel))
    kernel = (normal(channels, channels) / channels**0.5).astype(dtype)
    yield Pair("1x1 convolution", product, convolution, (x, kernel))
    qkv = normal(3, batch, side, side, channels).astype(dtype)
    temperature = jnp.ones(8, dtype)
    yield Pair("channel attention", channel_attention, split_heads, (*qkv, temperature), 1e-4)
    # Two functions, and the network is trained with the first: close, not equal.
    yield Pair("GELU, tanh for erf", jax.nn.gelu, exact_gelu, (x,), 1e-3)
    small = x[:, : side // 2, : side // 2]
    kernel = (normal(channels, 4 * channels) / channels**0.5).astype(dtype)
    yield Pair("1x1 and pixel shuffle for transposed convolution", shuffled, transposed, (small, kernel))
    dft, fft = (functools.partial(rfft2, impl=impl) for impl in ("dft", "fft"))
    yield Pair("rfft2, DFT for FFT", dft, fft, (x,))
    spectrum = normal(2, batch, side, side // 2 + 1, channels)  # float32, as in a bfloat16 network
    dft, fft = (functools.partial(image, width=side, impl=impl) for impl in ("dft", "fft"))
    yield Pair("irfft2, DFT for FFT", dft, fft, (*spectrum,))


@jax.custom_vjp
def shifted_products(x, kernel):
    """What `depthwise_conv` is on a CPU, on any device."""
    return shifted(x, kernel)


shifted_products.defvjp(
    lambda x, kernel: (shifted(x, kernel), (x, kernel)),
    lambda residuals, cotangent: _shifted_backward(*residuals, cotangent),
)


def image(re, im, *, width, impl):
    return irfft2((re, im), width, impl=impl)


def product(x, kernel):
    """`Conv` of size 1."""
    return (x.reshape(-1, x.shape[-1]) @ kernel).reshape(*x.shape[:-1], -1)


def convolution(x, kernel):
    return jax.lax.conv_general_dilated(
        x, kernel[None, None], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def split_heads(q, k, v, temperature):
    """Restormer's own form."""
    b, h, w, c = q.shape
    heads = len(temperature)
    q, k, v = (a.reshape(b, h * w, heads, c // heads).transpose(0, 2, 3, 1) for a in (q, k, v))
    q, k = (a / jnp.linalg.norm(a, axis=-1, keepdims=True) for a in (q, k))
    weights = jax.nn.softmax(q @ k.swapaxes(-1, -2) * temperature[:, None, None], axis=-1)
    return (weights @ v).transpose(0, 3, 1, 2).reshape(b, h, w, c)


def exact_gelu(x):
    return jax.nn.gelu(x, approximate=False)


def shuffled(x, kernel):
    """`Up`, without its PReLU."""
    return pixel_shuffle(product(x, kernel), 2)


def transposed(x, kernel):
    """The 2x2 transposed convolution of stride 2 with the same weights."""
    c = x.shape[-1]
    taps = kernel.reshape(c, 2, 2, -1).transpose(1, 2, 0, 3)[::-1, ::-1]
    return jax.lax.conv_transpose(x, taps, (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def gradient(function: Function) -> Function:
    """The gradient, by every input, of the sum of squares; not the sum, whose own rounding is larger."""

    def loss(*inputs):
        return sum(jnp.square(out.astype(jnp.float32)).sum() for out in jax.tree.leaves(function(*inputs)))

    return lambda *inputs: jax.grad(loss, argnums=tuple(range(len(inputs))))(*inputs)


def difference(ours, theirs) -> float:
    """Largest difference, relative to the largest value of its array."""
    found = []
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        a, b = (array.astype(jnp.float32) for array in (a, b))
        found.append(float(jnp.abs(a - b).max() / jnp.abs(b).max()))
    return max(found)


def allowed(pair: Pair, dtype: str, platform: str, *, backward: bool) -> float:
    """The difference that rounding explains; a gradient adds up more of it."""
    rounding = ROUNDING["bfloat16"] if dtype == "bfloat16" else ROUNDING.get(platform, 0.0)
    return max(pair.tolerance, rounding) * (10 if backward else 1)


def parser() -> argparse.ArgumentParser:
    found = arguments(__doc__)
    found.add_argument("--dtype", default=DTYPES[0], choices=DTYPES)
    return found


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    batch, side, channels = (1, 8, 16) if args.quick else (8, 64, 64)
    platform = jax.devices()[0].platform
    rows, unequal = {}, []
    print(f"{batch} x {side} x {side} x {channels}, {args.dtype}; forward, and forward with backward")
    for pair in pairs(batch, side, channels, args.dtype):
        for suffix in ("", GRADIENT):
            name, wrap = pair.name + suffix, gradient if suffix else (lambda f: f)
            ours, theirs = jax.jit(wrap(pair.ours)), jax.jit(wrap(pair.native))
            off = difference(ours(*pair.inputs), theirs(*pair.inputs))
            if not off <= allowed(pair, args.dtype, platform, backward=bool(suffix)):
                unequal.append(f"{name}: {off:.1e}")
            times = interleaved(
                {
                    "ours": lambda f=ours, x=pair.inputs: f(*x),
                    "native": lambda f=theirs, x=pair.inputs: f(*x),
                },
                seconds=0 if args.quick else args.seconds,
            )
            ratio = Ratio.of(times["ours"], times["native"])
            rows[name] = row(times["ours"], ratio, "native form", difference=off)
            print(
                f"{name:57} {milliseconds(times['ours']):32} native {milliseconds(times['native']):34} "
                f"{ratio.median:6.2f}x   differs by {off:.0e}"
            )
    write(args.json, "lowerings", rows, shape=(batch, side, side, channels), dtype=args.dtype)
    if unequal:
        print("NOT EQUAL: " + "; ".join(unequal), file=sys.stderr)
    return 1 if unequal else 0


if __name__ == "__main__":
    sys.exit(main())
