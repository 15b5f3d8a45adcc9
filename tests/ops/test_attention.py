"""The masked full product is the same attention as splitting the heads apart."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from smlnet_jax.ops.attention import channel_attention


def split_heads(q, k, v, temperature):
    """Restormer's own form: reshape to heads, normalise, attend, put back."""
    b, h, w, c = q.shape
    heads = len(temperature)
    q, k, v = (a.reshape(b, h * w, heads, c // heads).transpose(0, 2, 3, 1) for a in (q, k, v))
    q, k = (a / jnp.linalg.norm(a, axis=-1, keepdims=True) for a in (q, k))
    weights = jax.nn.softmax(q @ k.swapaxes(-1, -2) * temperature[:, None, None], axis=-1)
    return (weights @ v).transpose(0, 3, 1, 2).reshape(b, h, w, c)


@pytest.mark.parametrize(("channels", "heads"), [(16, 8), (32, 8), (12, 3), (8, 1)])
def test_equals_the_split_heads_form_and_its_gradient(channels, heads):
    q, k, v = jax.random.normal(jax.random.key(0), (3, 2, 6, 5, channels))
    temperature = jnp.linspace(0.5, 3.0, heads)
    np.testing.assert_allclose(
        channel_attention(q, k, v, temperature), split_heads(q, k, v, temperature), atol=2e-6
    )
    ours, theirs = (
        jax.grad(lambda *a, f=f: jnp.sin(f(*a)).sum(), argnums=(0, 1, 2, 3))(q, k, v, temperature)
        for f in (channel_attention, split_heads)
    )
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


def test_silent_channels_give_finite_values_and_gradients():
    zeros = jnp.zeros((1, 4, 4, 8))
    value, gradient = jax.value_and_grad(lambda q: channel_attention(q, q, q, jnp.ones(8)).sum())(zeros)
    assert jnp.isfinite(value)
    assert jnp.isfinite(gradient).all()
