"""Adam, its learning rate, and how fast the averaged weights forget.

All of it is a function of the run's step, not of the number of updates that were taken: a skipped update
delays nothing.
"""

from __future__ import annotations

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from smlnet_jax.config import OptimConfig


def transformation(config: OptimConfig) -> optax.GradientTransformation:
    """Gradient to direction: clipped by its global norm, then Adam; the step multiplies it by -lr."""
    clip = optax.clip_by_global_norm(config.clip) if config.clip > 0 else optax.identity()
    return optax.chain(clip, optax.scale_by_adam(b1=config.b1, b2=config.b2))


def learning_rate(step: Int[Array, ""], config: OptimConfig, steps: int) -> Float[Array, ""]:
    """Learning rate of update `step` (from 0) of `steps`: a linear warm-up, then cosine to `final_lr`, or
    constant.

    The warm-up takes `warmup_steps`, but at most a tenth of the run.
    """
    warmup = min(config.warmup_steps, steps // 10)
    rising = config.lr * (step + 1) / max(1, warmup)
    progress = jnp.clip((step - warmup) / max(1, steps - 1 - warmup), 0, 1)
    if config.schedule == "constant":
        falling = jnp.full_like(progress, config.lr)
    else:
        falling = config.final_lr + (config.lr - config.final_lr) * (1 + jnp.cos(jnp.pi * progress)) / 2
    return jnp.where(step < warmup, rising, falling)


def ema_decay(step: Int[Array, ""], config: OptimConfig) -> Float[Array, ""]:
    """Share of the old average kept at update `step`; it ramps up, lest the initialisation weigh."""
    return jnp.minimum(config.ema, (1 + step) / (10 + step))
