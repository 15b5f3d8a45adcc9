"""The CPU forms behind the layers, against XLA's native forms: equal to rounding, and how many times faster.

    python -m benchmarks.lowerings

The two forms of a pair take turns, in one run. On a GPU or TPU `depthwise_conv` is the native form itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from benchmarks.timing import Ratio, arguments, interleaved, milliseconds, row, write
from smlnet_jax.models.layers import pixel_shuffle
from smlnet_jax.ops.attention import channel_attention
from smlnet_jax.ops.depthwise import depthwise_conv, native

Function = Callable[..., Array]


class Pair(NamedTuple):
    """Two forms of one function of the same arrays. `tolerance` is relative to the largest value."""

    name: str
    ours: Function
    native: Function
    inputs: tuple[Array, ...]
    tolerance: float = 1e-5


def pairs(batch: int, side: int, channels: int) -> Iterator[Pair]:
    """Each lowering on a stage of `smlnet_full` at `side` x `side`."""
    keys = iter(jax.random.split(jax.random.key(0), 16))

    x = jax.random.normal(next(keys), (batch, side, side, channels))
    half = x[..., : channels // 2]
    for size in (3, 5, 7):
        kernel = jax.random.normal(next(keys), (size, size, 1, channels // 2)) / size
        yield Pair(f"depthwise {size}x{size}", depthwise_conv, native, (half, kernel))
    kernel = jax.random.normal(next(keys), (channels, channels)) / channels**0.5
    yield Pair("1x1 convolution", product, convolution, (x, kernel))
    qkv = jax.random.normal(next(keys), (3, batch, side, side, channels))
    yield Pair("channel attention", channel_attention, split_heads, (*qkv, jnp.ones(8)), 1e-4)
    # Two functions, and the network is trained with the first: close, not equal.
    yield Pair("GELU, tanh for erf", jax.nn.gelu, exact_gelu, (x,), 1e-3)
    small = x[:, : side // 2, : side // 2]
    kernel = jax.random.normal(next(keys), (channels, 4 * channels)) / channels**0.5
    yield Pair("1x1 and pixel shuffle for transposed convolution", shuffled, transposed, (small, kernel))


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
        return jnp.square(function(*inputs)).sum()

    return lambda *inputs: jax.grad(loss, argnums=tuple(range(len(inputs))))(*inputs)


def difference(ours, theirs) -> float:
    """Largest difference, relative to the largest value of its array."""
    found = []
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        found.append(float(jnp.abs(a - b).max() / jnp.abs(b).max()))
    return max(found)


def main(argv: list[str] | None = None) -> int:
    args = arguments(__doc__).parse_args(argv)
    batch, side, channels = (1, 8, 16) if args.quick else (8, 64, 64)
    rows, unequal = {}, []
    print(f"{batch} x {side} x {side} x {channels}, float32; forward, and forward with backward")
    for pair in pairs(batch, side, channels):
        for suffix, wrap in (("", lambda f: f), (", gradient", gradient)):
            name = pair.name + suffix
            ours, theirs = jax.jit(wrap(pair.ours)), jax.jit(wrap(pair.native))
            off = difference(ours(*pair.inputs), theirs(*pair.inputs))
            if not off <= pair.tolerance * (10 if suffix else 1):
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
    write(args.json, "lowerings", rows, shape=(batch, side, side, channels))
    if unequal:
        print("NOT EQUAL: " + "; ".join(unequal), file=sys.stderr)
    return 1 if unequal else 0


if __name__ == "__main__":
    sys.exit(main())
