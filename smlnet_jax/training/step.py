"""One update, as a pure function."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import PartitionSpec
from jaxtyping import Array, Float, UInt8

from smlnet_jax.config import Config
from smlnet_jax.losses import fre_weight, restoration_loss, rgb_psnr
from smlnet_jax.models import Model, Params
from smlnet_jax.ops.resize import upsample
from smlnet_jax.training.optimizer import ema_decay, learning_rate
from smlnet_jax.training.state import TrainState

Metrics = dict[str, Float[Array, ""]]


class Images(NamedTuple):
    """What of a batch goes to the device."""

    hr: UInt8[Array, "b H W 3"]
    lr: UInt8[Array, "b h w 3"]


def train_step(
    state: TrainState, images: Images, *, model: Model, tx: optax.GradientTransformation, config: Config
) -> tuple[TrainState, Metrics]:
    """One update. No I/O, no clock, no device logic: the loop jits it and owns the rest.

    A loss or gradient that is not finite changes neither parameters nor optimizer nor average; it is counted,
    and the step goes on, so that the data and the learning rate do.

    Returns the new state and metrics: loss, its terms, psnr (dB, RGB, of this batch), grad_norm (before
    clipping), lr, and bad_in_row / bad_total, the skipped updates since the last good one and in all.
    """
    weight = fre_weight(state.step, config.loss, config.train.steps)

    def loss_of(params: Params, part: Images) -> tuple[Float[Array, ""], Metrics]:
        hr = _to_float(part.hr)
        out = model.apply(params, network_input(part))
        loss, terms = restoration_loss(out, hr, config.loss, weight)
        return loss, {"loss": loss, **terms, "psnr": rgb_psnr(out.sr, hr)}

    gradients, metrics = accumulated_gradient(loss_of, state.params, images, config.train.accumulate)
    gradients = model.tie(gradients)
    grad_norm = optax.tree.norm(gradients)
    lr = learning_rate(state.step, config.optim, config.train.steps)

    direction, opt_state = tx.update(gradients, state.opt_state, state.params)
    params = model.tie(optax.apply_updates(state.params, jax.tree.map(lambda d: -lr * d, direction)))
    decay = ema_decay(state.step, config.optim)
    ema = jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, state.ema, params)

    good = jnp.isfinite(metrics["loss"]) & jnp.isfinite(grad_norm)
    kept = state.params, state.opt_state, state.ema
    params, opt_state, ema = jax.tree.map(
        lambda new, old: jnp.where(good, new, old), (params, opt_state, ema), kept
    )
    bad = (~good).astype(jnp.int32)
    bad_in_row, bad_total = (state.bad_in_row + 1) * bad, state.bad_total + bad
    metrics |= {"grad_norm": grad_norm, "lr": lr, "bad_in_row": bad_in_row, "bad_total": bad_total}
    return TrainState(state.step + 1, params, opt_state, ema, bad_in_row, bad_total), metrics


def jit_step(
    model: Model, tx: optax.GradientTransformation, config: Config, abstract: TrainState
) -> Callable[[TrainState, Images], tuple[TrainState, Metrics]]:
    """`train_step`, compiled once: the old state's memory becomes the new one's, and states stay sharded as
    `abstract`.
    """
    step = functools.partial(train_step, model=model, tx=tx, config=config)
    shardings = jax.tree.map(lambda x: x.sharding, abstract)
    return jax.jit(step, donate_argnums=0, out_shardings=(shardings, abstract.step.sharding))


def network_input(images: Images) -> Float[Array, "b H W 3"]:
    """X: the LR in [0, 1], bicubic-upsampled to the size of the HR."""
    return upsample(_to_float(images.lr), images.hr.shape[1])


def accumulated_gradient(loss_of, params: Params, images: Images, parts: int) -> tuple[Params, Metrics]:
    """Gradient and metrics of the whole batch, `parts` micro-batches one after the other: memory for time.

    `loss_of(params, images) -> (loss, metrics)`, means over the batch. Equal to `parts=1` to rounding.
    """
    gradient = jax.grad(loss_of, has_aux=True)
    if parts == 1:
        return gradient(params, images)

    def add(total, part):
        return jax.tree.map(jnp.add, total, gradient(params, part)), None

    micro_batches = jax.tree.map(lambda x: _split(x, parts), images)
    shapes = jax.eval_shape(gradient, params, jax.tree.map(lambda x: x[0], micro_batches))
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    total, _ = jax.lax.scan(add, zeros, micro_batches)
    return jax.tree.map(lambda x: x / parts, total)


def _split(x: UInt8[Array, "b h w c"], parts: int) -> UInt8[Array, "parts micro h w c"]:
    """Every parts-th image: then each device cuts what it has, and nothing moves between devices."""
    micro_batches = x.reshape(-1, parts, *x.shape[1:]).swapaxes(0, 1)
    if jax.sharding.get_abstract_mesh().empty:
        return micro_batches
    return jax.lax.with_sharding_constraint(micro_batches, PartitionSpec(None, "data"))


def _to_float(image: UInt8[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    return image.astype(jnp.float32) / 255
