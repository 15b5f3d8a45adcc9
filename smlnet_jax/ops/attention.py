"""Channel ("transposed") attention: channels attend to channels, so the cost is linear in pixels."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def channel_attention(
    q: Float[Array, "b h w c"],
    k: Float[Array, "b h w c"],
    v: Float[Array, "b h w c"],
    temperature: Float[Array, " heads"],
) -> Float[Array, "b h w c"]:
    """softmax(temperature * q^T k / (|q| |k|)) v in each head, norms over pixels (Restormer, CVPR 2022).

    The heads are not split apart: one full c x c product, masked to the block diagonal, has the same numbers,
    needs no transposes, and fills matrix units that heads of eight channels leave empty. Softmax in float32.
    """
    batch, height, width, channels = q.shape
    heads = temperature.shape[0]
    q, k, v = (a.reshape(batch, height * width, channels) for a in (q, k, v))
    gram = jnp.einsum("bnc,bnd->bcd", q, k, preferred_element_type=jnp.float32)
    logits = gram * _inverse_norm(q)[:, :, None] * _inverse_norm(k)[:, None, :]
    logits *= jnp.repeat(temperature.astype(jnp.float32), channels // heads)[:, None]
    same_head = np.kron(np.eye(heads, dtype=bool), np.ones((channels // heads,) * 2, dtype=bool))
    weights = jax.nn.softmax(jnp.where(same_head, logits, -jnp.inf), axis=-1)
    out = jnp.einsum("bcd,bnd->bnc", weights.astype(v.dtype), v)
    return out.reshape(batch, height, width, channels)


def _inverse_norm(x: Float[Array, "b n c"]) -> Float[Array, "b c"]:
    """1 / |x| over pixels, float32; bounded, so a silent channel gives finite values and gradients."""
    return jax.lax.rsqrt(jnp.sum(jnp.square(x.astype(jnp.float32)), axis=1) + 1e-12)
