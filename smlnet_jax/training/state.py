"""Everything that training changes, as one pytree."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Int

from smlnet_jax.models import Model, Params
from smlnet_jax.training.sharding import state_shardings


class TrainState(NamedTuple):
    """A run at rest: from this, the config and the data, the rest of it follows to the bit."""

    step: Int[Array, ""]  # updates dispatched, skipped ones too; also the position in the data
    params: Params
    opt_state: optax.OptState
    ema: Params  # averaged params: these are validated, scored and exported
    bad_in_row: Int[Array, ""]  # skipped updates since the last good one
    bad_total: Int[Array, ""]


def initial_state(params: Params, tx: optax.GradientTransformation) -> TrainState:
    """The state before the first update. The average starts at the parameters."""
    zero = jnp.zeros((), jnp.int32)
    ema = jax.tree.map(jnp.copy, params)  # donated with the parameters, so it may not be the same buffer
    return TrainState(zero, params, tx.init(params), ema, zero, jnp.copy(zero))


def abstract_state(model: Model, tx: optax.GradientTransformation, mesh: Mesh, *, fsdp: bool) -> TrainState:
    """The shapes of a state, each with its sharding: what a state is born into, and a checkpoint restored
    onto.
    """
    shapes = jax.eval_shape(lambda: initial_state(model.init(jax.random.key(0)), tx))
    shardings = state_shardings(shapes, mesh, fsdp=fsdp)
    return jax.tree.map(lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), shapes, shardings)


def born_sharded(
    seed: int, model: Model, tx: optax.GradientTransformation, abstract: TrainState
) -> TrainState:
    """A fresh state, every array made where it will live: no device ever holds what it does not keep."""
    init = jax.jit(lambda key: initial_state(model.init(key), tx), out_shardings=_shardings(abstract))
    return init(jax.random.key(seed))


def started_from(params: Params, tx: optax.GradientTransformation, abstract: TrainState) -> TrainState:
    """A fresh state around parameters that every process holds whole, or that are in their places already."""

    def place(array: Array, like: jax.ShapeDtypeStruct) -> Array:
        if isinstance(array, jax.Array) and array.sharding == like.sharding:
            return array
        whole = np.asarray(array)
        return jax.make_array_from_callback(whole.shape, like.sharding, lambda index: whole[index])

    init = jax.jit(lambda params: initial_state(params, tx), out_shardings=_shardings(abstract))
    return init(jax.tree.map(place, params, abstract.params))


def _shardings(abstract: TrainState) -> TrainState:
    return jax.tree.map(lambda x: x.sharding, abstract)
