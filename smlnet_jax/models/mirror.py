"""Mirror symmetry: a network of which the mirror image of a face gets the mirror image of the result.

f(mirror(X)) = mirror(f(X)) holds exactly if the features come in pairs: the second half of the channels of a
feature map is what the first half would be of the mirrored picture. Then each kernel is its own mirror image
with the halves of its inputs and outputs exchanged, and half of its numbers are free. The group-equivariant
network (Cohen and Welling, ICML 2016) of the group of one reflection, at the cost of one without it.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float


@dataclasses.dataclass(frozen=True)
class Layout:
    """What the channels of one array are, so that it is known what mirroring the picture does to them."""

    parts: tuple[int, ...] = ()  # channels of the feature maps that were concatenated; () = there is one
    signs: tuple[int, ...] = ()  # -1 for a part that changes its sign; () = none does
    unshuffled: int = 1  # each pixel holds a block of so many by so many
    pairs: bool = True  # False: colours, which stay what they are

    def mirror(self, array: Float[Array, " ..."], axis: int) -> Float[Array, " ..."]:
        """`array` with the channels that lie along `axis` (not negative) as in the mirrored picture."""
        factor = self.unshuffled
        n = array.shape[axis] // factor**2
        parts = self.parts or (n,)
        starts = np.cumsum((0, *parts[:-1]))
        pairs = [start + _halves_exchanged(part) for start, part in zip(starts, parts, strict=True)]
        order = np.concatenate(pairs) if self.pairs else np.arange(n)
        blocks = np.arange(factor**2 * n).reshape(factor, factor, n)[:, ::-1]
        mirrored = jnp.take(array, blocks[..., order].ravel(), axis)
        if not self.signs:
            return mirrored
        signs = np.repeat(np.array(self.signs, np.float32), parts)
        return mirrored * signs.reshape(-1, *[1] * (array.ndim - 1 - axis)).astype(array.dtype)


FEATURES = Layout()


def _halves_exchanged(channels: int) -> np.ndarray:
    """Of an odd number the last channel is its own mirror image."""
    half = channels // 2
    return np.concatenate([np.arange(half, 2 * half), np.arange(half), np.arange(2 * half, channels)])


def picture(unshuffled: int) -> Layout:
    """Three colours, or those of a block of pixels."""
    return Layout(unshuffled=unshuffled, pairs=False)


def mirrored(network: nnx.Module, params: dict[str, Any]) -> dict[str, Any]:
    """The parameters g with which the network makes of mirror(X) the mirror image of what `params` make of X.

    A module whose arrays are no mere features says how they are mirrored, in a method of that name.
    """
    modules = {
        tuple(map(str, path)): node for path, node in nnx.iter_graph(network) if isinstance(node, nnx.Module)
    }

    def reflect(path, value: Float[Array, " ..."]) -> Float[Array, " ..."]:
        *owner, name = (key.key for key in path)
        module: Any = modules[tuple(owner)]
        if hasattr(module, "mirrored"):
            return module.mirrored(name, value)
        return FEATURES.mirror(value, value.ndim - 1) if value.ndim else value

    return jax.tree.map_with_path(reflect, params)


def tied(network: nnx.Module, params: dict[str, Any]) -> dict[str, Any]:
    """The symmetric part of parameters, or of a gradient: the mean of them and of their mirror image."""
    return jax.tree.map(lambda a, b: (a + b) / 2, params, mirrored(network, params))


def born_tied(network: nnx.Module, params: dict[str, Any]) -> dict[str, Any]:
    """Fresh parameters, tied. The mean of two draws varies half as much as each: kernels get that back."""

    def restored(path, value):
        return value * 2**0.5 if path[-1].key == "kernel" else value

    return jax.tree.map_with_path(restored, tied(network, params))


def free_count(network: nnx.Module, params: dict[str, Any]) -> int:
    """How many numbers are free: one of each pair that is tied, none that would be its own negative."""
    numbered = jax.tree.map(lambda leaf: np.arange(1, leaf.size + 1).reshape(leaf.shape), params)
    with jax.ensure_compile_time_eval():
        images = mirrored(network, numbered)

    def free(own, image) -> int:
        return (own.size + int((own == image).sum()) - int((own == -image).sum())) // 2

    return sum(jax.tree.leaves(jax.tree.map(free, numbered, images)))
