"""A network as two pure functions: jit, grad, vmap, checkpoint, shard_map and Orbax need nothing of Flax."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from smlnet_jax.errors import UserError
from smlnet_jax.models.config import NetworkConfig
from smlnet_jax.models.init import Draws
from smlnet_jax.models.mirror import born_tied, free_count, tied
from smlnet_jax.models.output import Output
from smlnet_jax.ops.consistency import consistency_macs, consistent

Params = dict[str, Any]  # nested, string keys, float32 arrays


@dataclasses.dataclass(frozen=True)
class Model:
    """`params = init(key)`; `out = apply(params, x)`. Static and hashable: jit may close over it."""

    config: NetworkConfig
    network: Callable[..., nnx.Module] = dataclasses.field(repr=False)

    @property
    def mirrors(self) -> bool:
        """Whether the mirror image of a face gets the mirror image of the result, by construction."""
        return self.config.mirror

    def init(self, key: PRNGKeyArray) -> Params:
        """Fresh parameters as a plain nested dict."""
        params = _to_dict(nnx.state(self._build(key), nnx.Param))
        return born_tied(_abstract(self), params) if self.mirrors else params

    def apply(self, params: Params, x: Float[Array, "b h w 3"]) -> Output:
        """The network on X in [0, 1], the LR bicubic-upsampled to the HR size; see `Output`."""
        _check_input(self.config, x.shape, x.dtype)
        out, scale = self.bind(params)(x), self.config.consistency
        return jax.tree.map(lambda image: consistent(image, x, scale), out) if scale else out

    def tie(self, params: Params) -> Params:
        """The nearest parameters, or gradient, with the symmetry of the config; without one, themselves.

        A step that takes `tie(gradient)` and keeps `tie(params)` never leaves it.
        """
        return tied(_abstract(self), params) if self.mirrors else params

    def bind(self, params: Params) -> nnx.Module:
        """The Flax module with these parameters in it, for eager use and for looking inside."""
        graphdef, abstract = _graph(self)
        _check_params(self.config, params, _to_dict(abstract))
        return nnx.merge(graphdef, _to_state(params, abstract))

    def first_nonfinite(self, params: Params, x: Float[Array, "b h w 3"]) -> str | None:
        """Path of the module whose output was the first with a NaN or infinity, such as `encoder.0.msim`.

        Runs eagerly: for the post-mortem, not for the loop.
        """
        for path, out in self.intermediates(params, x):
            if not all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(out)):
                return path
        return None

    def intermediates(self, params: Params, x: Float[Array, "b h w 3"]) -> list[tuple[str, Any]]:
        """(path, output) of every module, in the order in which they finish."""
        _check_input(self.config, x.shape, x.dtype)
        kept = dataclasses.replace(self, config=dataclasses.replace(self.config, remat=False))
        network = kept.bind(params)  # what remat computes again is out of sight
        with _recording(network) as calls:
            network(x)
        return [(path, out) for path, _, out in calls]

    def param_count(self) -> int:
        """Number of parameters; of those that are tied to each other one counts."""
        return _free_count(self) if self.mirrors else self._size()

    def macs(self, height: int = 128, width: int = 128) -> int:
        """Multiply-accumulates of one image, the FFT, under 1 %, left out."""
        _check_input(self.config, (1, height, width, 3))

        def count(key):
            network = self._build(key)
            with _recording(network) as calls:
                network(jnp.zeros((1, height, width, 3)))
            counts.extend(module.macs(out.shape) for _, module, out in calls if hasattr(module, "macs"))

        scale = self.config.consistency
        counts = [consistency_macs(height, width, scale)] if scale else []
        jax.eval_shape(count, jax.random.key(0))
        return sum(counts)

    def _size(self) -> int:
        return sum(leaf.size for leaf in jax.tree.leaves(_graph(self)[1]))

    def _build(self, key: PRNGKeyArray) -> nnx.Module:
        return self.network(self.config, rngs=Draws(key, self._size()))


@functools.lru_cache(maxsize=32)
def _graph(model: Model) -> tuple[nnx.GraphDef, nnx.State]:
    """Static structure and abstract parameters, made once a model: merging is then all that a call costs."""

    def build() -> nnx.Module:
        return model.network(model.config, rngs=Draws(jax.random.key(0), 2**31 - 1))  # abstract: never drawn

    return nnx.split(nnx.eval_shape(build))


def _abstract(model: Model) -> nnx.Module:
    """The module with shapes in the place of parameters."""
    return nnx.merge(*_graph(model))


@functools.lru_cache(maxsize=32)
def _free_count(model: Model) -> int:
    return free_count(_abstract(model), _to_dict(_graph(model)[1]))


@contextlib.contextmanager
def _recording(network: nnx.Module) -> Iterator[list[tuple[str, nnx.Module, Any]]]:
    """Collects (path, module, output) of every submodule call inside the block."""
    paths = {id(m): ".".join(map(str, path)) for path, m in nnx.iter_graph(network) if _is_block(m)}
    originals = {
        kind: kind.__call__ for kind in {type(m) for _, m in nnx.iter_graph(network) if _is_block(m)}
    }
    calls: list[tuple[str, nnx.Module, Any]] = []

    def recorded(original):
        @functools.wraps(original)
        def call(module, *args, **kwargs):
            out = original(module, *args, **kwargs)
            calls.append((paths.get(id(module), type(module).__name__), module, out))
            return out

        return call

    try:
        for kind, original in originals.items():
            kind.__call__ = recorded(original)
        yield calls
    finally:
        for kind, original in originals.items():
            kind.__call__ = original


def _is_block(node) -> bool:
    return isinstance(node, nnx.Module) and callable(node)


def _to_dict(state: nnx.State) -> Params:
    return _map_keys(nnx.to_pure_dict(state), str)


def _to_state(params: Params, abstract: nnx.State) -> nnx.State:
    state = jax.tree.map(lambda leaf: leaf, abstract)
    nnx.replace_by_pure_dict(state, _map_keys(params, lambda key: int(key) if key.isdigit() else key))
    return state


def _map_keys(tree, rename: Callable):
    """nnx.List indexes with ints; a checkpoint, a safetensors file and a reader all want names."""
    return {rename(k): _map_keys(v, rename) for k, v in tree.items()} if isinstance(tree, dict) else tree


def _check_input(config: NetworkConfig, shape: tuple[int, ...], dtype: Any = jnp.float32) -> None:
    if not jnp.issubdtype(dtype, jnp.floating):
        raise UserError(f"{config.name} got an input of {dtype}; it needs floats in [0, 1], so divide by 255")
    divisor = math.lcm(config.stride, config.consistency or 1)
    if len(shape) != 4 or shape[3] != 3 or shape[1] % divisor or shape[2] % divisor:
        raise UserError(
            f"{config.name} got an input of shape {shape}; it needs (batch, height, width, 3) with height "
            f"and width divisible by {divisor}"
        )


def _check_params(config: NetworkConfig, params: Params, abstract: Params) -> None:
    have, want = (
        {jax.tree_util.keystr(path, simple=True, separator="."): leaf.shape for path, leaf in leaves}
        for leaves in (jax.tree.leaves_with_path(params), jax.tree.leaves_with_path(abstract))
    )
    if have == want:
        return
    name = next(n for n in sorted(have.keys() | want.keys()) if have.get(n) != want.get(n))
    raise UserError(
        f"these parameters are not of {config.name}: {name} has shape {have.get(name, 'none')}, the config "
        f"wants {want.get(name, 'none')}; load them with the config they were trained with"
    )
