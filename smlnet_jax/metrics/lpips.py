"""LPIPS: Zhang, Isola, Efros, Shechtman and Wang, "The Unreasonable Effectiveness of Deep Features as a
Perceptual Metric", CVPR 2018; version 0.1 with its linear heads.

    d(x, y) = sum_l mean_hw  w_l . (x_l / |x_l| - y_l / |y_l|)^2

x_l are the features after the l-th of five stages of AlexNet or VGG16, |.| goes over their channels, and the
heads w_l are learned from people's judgements. Lower is more alike; 0 is the same. The weights are not ours
to ship: docs/evaluation.md shows how to convert the published ones, and on which terms they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from smlnet_jax.errors import UserError
from smlnet_jax.metrics.arrays import Arrays, check, one_of, read_arrays

# Of RGB in [-1, 1]: ImageNet's mean and deviation, as LPIPS rounds them.
_MEAN = np.array([-0.030, -0.088, -0.188], np.float32)
_DEVIATION = np.array([0.458, 0.448, 0.450], np.float32)
_TINY = 1e-10  # beside |x_l|


@dataclass(frozen=True)
class Convolution:
    """With bias and ReLU. `index` is its place in torchvision's `features`, and so its name in files."""

    index: int
    inputs: int
    outputs: int
    size: int = 3
    stride: int = 1
    padding: int = 1


@dataclass(frozen=True)
class Backbone:
    """Five stages, each looked at after its last ReLU; `pooled` are those that open with a max-pool."""

    stages: tuple[tuple[Convolution, ...], ...]
    pooled: tuple[int, ...]
    pool: int  # side of its window; the stride is 2
    smallest: int  # side of an image that leaves the last stage a pixel


BACKBONES = {
    # Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014.
    "alex": Backbone(
        (
            (Convolution(0, 3, 64, size=11, stride=4, padding=2),),
            (Convolution(3, 64, 192, size=5, padding=2),),
            (Convolution(6, 192, 384),),
            (Convolution(8, 384, 256),),
            (Convolution(10, 256, 256),),
        ),
        pooled=(1, 2),
        pool=3,
        smallest=31,
    ),
    # Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015.
    "vgg16": Backbone(
        (
            (Convolution(0, 3, 64), Convolution(2, 64, 64)),
            (Convolution(5, 64, 128), Convolution(7, 128, 128)),
            (Convolution(10, 128, 256), Convolution(12, 256, 256), Convolution(14, 256, 256)),
            (Convolution(17, 256, 512), Convolution(19, 512, 512), Convolution(21, 512, 512)),
            (Convolution(24, 512, 512), Convolution(26, 512, 512), Convolution(28, 512, 512)),
        ),
        pooled=(1, 2, 3, 4),
        pool=2,
        smallest=16,
    ),
}


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Lpips:
    """Weights of one backbone and its heads; a pytree, so that it may be an argument of `jax.jit`."""

    kernels: Mapping[str, Float[Array, "height width inputs outputs"]]  # by the convolution's index
    biases: Mapping[str, Float[Array, " outputs"]]
    heads: tuple[Float[Array, " channels"], ...]  # one a stage
    backbone: str = field(metadata={"static": True})


def lpips(weights: Lpips, sr: Float[Array, "b h w 3"], hr: Float[Array, "b h w 3"]) -> Float[Array, " b"]:
    """The distance of each pair (RGB in [0, 1]), 0 or more.

    Symmetric, differentiable everywhere, and nothing is quantised. NaN if an image is not finite. Raises
    `UserError` for images that the backbone's pooling would reduce to nothing.
    """
    smallest = BACKBONES[weights.backbone].smallest
    height, width = hr.shape[1:3]
    if min(height, width) < smallest:
        raise UserError(
            f"images of {width}x{height} are too small for LPIPS with {weights.backbone}, which needs "
            f"{smallest}x{smallest}"
        )
    distance = jnp.zeros(len(hr))
    for head, x, y in zip(weights.heads, _features(weights, sr), _features(weights, hr), strict=True):
        unlike = jnp.square(_unit_length(x) - _unit_length(y))
        distance += jnp.einsum("bhwc,c->bhw", unlike, head, precision=lax.Precision.HIGHEST).mean((1, 2))
    return distance


def read_lpips(path: Path) -> Lpips:
    """Weights from a file with the names of `lpips.LPIPS(net="alex" | "vgg").state_dict()`.

    The backbone's may also bear torchvision's names, `features.0.weight` and so on; the first kernel's shape
    tells which backbone it is. Raises `UserError` that names what is missing or does not fit.
    """
    arrays = _by_short_names(read_arrays(path))
    first = one_of(arrays, ("features.0.weight",), path)
    backbone = "alex" if first.shape[-1] == 11 else "vgg16"
    kernels, biases, heads = {}, {}, []
    for number, stage in enumerate(BACKBONES[backbone].stages):
        for conv in stage:
            name = f"features.{conv.index}"
            shape = conv.outputs, conv.inputs, conv.size, conv.size
            kernel = check(one_of(arrays, (f"{name}.weight",), path), shape, f"{name}.weight", path)
            bias = check(one_of(arrays, (f"{name}.bias",), path), (conv.outputs,), f"{name}.bias", path)
            kernels[str(conv.index)] = jnp.asarray(kernel.transpose(2, 3, 1, 0), jnp.float32)
            biases[str(conv.index)] = jnp.asarray(bias, jnp.float32)
        name = f"lin{number}.model.1.weight"
        head = check(one_of(arrays, (name,), path), (1, stage[-1].outputs, 1, 1), name, path)
        heads.append(jnp.asarray(head.reshape(-1), jnp.float32))
    return Lpips(kernels, biases, tuple(heads), backbone)


def _by_short_names(arrays: Arrays) -> Arrays:
    """`net.slice2.3.weight`, as LPIPS calls it, is torchvision's `features.3.weight`."""
    return {re.sub(r"^net\.slice\d+\.", "features.", name): array for name, array in arrays.items()}


def _features(weights: Lpips, image: Float[Array, "b h w 3"]) -> Iterator[Float[Array, "b h2 w2 c"]]:
    """What the stages see of an image in [0, 1], one after another."""
    backbone = BACKBONES[weights.backbone]
    x = (2 * image - 1 - _MEAN) / _DEVIATION
    for number, stage in enumerate(backbone.stages):
        if number in backbone.pooled:
            window = (1, backbone.pool, backbone.pool, 1)
            x = lax.reduce_window(x, -jnp.inf, lax.max, window, (1, 2, 2, 1), "VALID")
        for conv in stage:
            x = lax.conv_general_dilated(
                x,
                weights.kernels[str(conv.index)],
                (conv.stride, conv.stride),
                [(conv.padding, conv.padding)] * 2,
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
                precision=lax.Precision.HIGHEST,
            )
            x = jax.nn.relu(x + weights.biases[str(conv.index)])
        yield x


def _unit_length(x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    """Each pixel's features over their length; zeros, where no feature fires, stay zeros."""
    square = jnp.square(x).sum(3, keepdims=True)
    fires = square != 0
    length = jnp.where(fires, jnp.sqrt(jnp.where(fires, square, 1)), 0)  # the slope of sqrt at 0 is infinite
    return x / (length + _TINY)
