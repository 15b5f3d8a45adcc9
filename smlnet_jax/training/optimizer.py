"""Adam or Muon, the learning rate, and how fast the averaged weights forget.

All of it is a function of the run's step, not of the number of updates that were taken: a skipped update
delays nothing.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int
from optax import contrib

from smlnet_jax.config import OptimConfig
from smlnet_jax.models import Params

REST = "rest"
MUON_RMS = 0.2  # root mean square of an entry of a Muon direction, which is about that of one of Adam's


def transformation(config: OptimConfig) -> optax.GradientTransformation:
    """Gradient to direction: clipped by its global norm, then Adam or Muon; the step multiplies it by -lr."""
    clip = optax.clip_by_global_norm(config.clip) if config.clip > 0 else optax.identity()
    if config.name == "adam":
        return optax.chain(clip, optax.scale_by_adam(b1=config.b1, b2=config.b2))
    return optax.chain(clip, stacked(_muon(config)))


def _muon(config: OptimConfig) -> optax.GradientTransformation:
    """Muon for stacks of matrices, Adam for the vector of all else.

    Muon steps along the nearest orthogonal matrix to the momentum (Jordan et al., 2024), made as large as
    Adam's step would be (Liu et al., 2025).
    """

    def as_matrices(stacks):
        matrix, none = contrib.MuonDimensionNumbers(1, 2), optax.MaskedNode()
        return {name: none if name == REST else matrix for name in stacks}

    muon = contrib.scale_by_muon(weight_dimension_numbers=as_matrices)
    as_large = optax.stateless(lambda stacks, _: jax.tree.map(_with_rms, stacks))
    return optax.partition(
        {"muon": optax.chain(muon, as_large), "adam": optax.scale_by_adam(b1=config.b1, b2=config.b2)},
        lambda stacks: {name: "adam" if name == REST else "muon" for name in stacks},
    )


def _with_rms(orthogonal: Float[Array, "n rows columns"]) -> Float[Array, "n rows columns"]:
    """Orthogonal matrices have 1 / max(rows, columns) as the mean square of their entries."""
    return MUON_RMS * max(orthogonal.shape[1:]) ** 0.5 * orthogonal


def stacked(inner: optax.GradientTransformation) -> optax.GradientTransformation:
    """`inner` on few large arrays instead of many small ones, which XLA compiles one by one, for minutes.

    Kernels of one shape become a stack of matrices [n, taps and inputs, outputs]; the rest one vector:
    vectors, depthwise kernels, and kernels that read or write less than 8 channels.
    """

    def update(gradients: Params, state: Any, params: Params | None = None):
        directions, state = inner.update(_stack(gradients), state)
        return _unstack(directions, gradients), state

    return optax.GradientTransformation(lambda params: inner.init(_stack(params)), update)


def _stack(tree: Params) -> dict[str, Array]:
    return {
        name: jnp.concatenate([leaf.ravel() for leaf in leaves])
        if name == REST
        else jnp.stack([leaf.reshape(-1, leaf.shape[-1]) for leaf in leaves])
        for name, leaves in _groups(tree).items()
    }


def _unstack(stacks: dict[str, Array], like: Params) -> Params:
    parts = {}
    for name, leaves in _groups(like).items():
        ends = np.cumsum([leaf.size for leaf in leaves])[:-1]
        parts[name] = iter(jnp.split(stacks[name].ravel(), ends))
    return jax.tree.map(lambda leaf: next(parts[_group(leaf)]).reshape(leaf.shape), like)


def _groups(tree: Params) -> dict[str, list[Array]]:
    groups: dict[str, list[Array]] = {}
    for leaf in jax.tree.leaves(tree):
        groups.setdefault(_group(leaf), []).append(leaf)
    return groups


def _group(leaf: Array) -> str:
    is_matrix = leaf.ndim == 4 and min(leaf.shape[2:]) >= 8
    return f"{leaf.size // leaf.shape[-1]}x{leaf.shape[-1]}" if is_matrix else REST


def learning_rate(step: Int[Array, ""], config: OptimConfig, steps: int) -> Float[Array, ""]:
    """Learning rate of update `step` (from 0) of `steps`: a linear warm-up, then cosine to `final_lr`, or
    constant.

    The warm-up takes `warmup_steps`, but at most a tenth of the run.
    """
    warmup = min(config.warmup_steps, steps // 10)
    rising = config.lr * (step + 1) / max(1, warmup)
    then: Float[Array, ""] | float = config.lr  # knows no `steps`: a longer run may share its program
    if config.schedule == "cosine":
        progress = jnp.clip((step - warmup) / max(1, steps - 1 - warmup), 0, 1)
        then = config.final_lr + (config.lr - config.final_lr) * (1 + jnp.cos(jnp.pi * progress)) / 2
    return jnp.where(step < warmup, rising, then)


def ema_decay(step: Int[Array, ""], config: OptimConfig) -> Float[Array, ""]:
    """Share of the old average kept at update `step`; it ramps up, lest the initialisation weigh."""
    return jnp.minimum(config.ema, (1 + step) / (10 + step))
