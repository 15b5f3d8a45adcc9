"""The CPU lowering and the native convolution are one function, forward and backward."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smlnet_jax.ops.depthwise import depthwise_conv, native, shifted


def inputs(height, width, size, channels=3, dtype=jnp.float32):
    keys = jax.random.split(jax.random.key(0), 2)
    x = jax.random.normal(keys[0], (2, height, width, channels), dtype)
    return x, jax.random.normal(keys[1], (size, size, 1, channels), dtype)


@settings(max_examples=15, deadline=None)
@given(height=st.integers(1, 12), width=st.integers(1, 12), size=st.sampled_from([1, 3, 5, 7]))
def test_shifted_products_equal_the_native_convolution(height, width, size):
    x, kernel = inputs(height, width, size)
    np.testing.assert_allclose(shifted(x, kernel), native(x, kernel), atol=2e-5)
    np.testing.assert_allclose(depthwise_conv(x, kernel), native(x, kernel), atol=2e-5)


@pytest.mark.parametrize("size", [3, 5, 7])
def test_gradients_equal_those_of_the_native_convolution(size):
    x, kernel = inputs(9, 6, size)
    weight = jax.random.normal(jax.random.key(1), x.shape)
    ours = jax.grad(lambda x, k: (depthwise_conv(x, k) * weight).sum(), argnums=(0, 1))(x, kernel)
    theirs = jax.grad(lambda x, k: (native(x, k) * weight).sum(), argnums=(0, 1))(x, kernel)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=5e-5)


@pytest.mark.parametrize("size", [3, 7])
def test_products_of_bfloat16_are_added_in_float32(size):
    x, kernel = inputs(8, 8, size, dtype=jnp.bfloat16)
    exact = native(x.astype(jnp.float32), kernel.astype(jnp.float32))
    distance = jnp.abs(shifted(x, kernel).astype(jnp.float32) - exact)
    assert (distance <= 2**-8 * jnp.abs(exact) + 1e-5).all()  # rounded once, by half of the last of 8 bits


def test_gradients_keep_the_dtype_of_bfloat16():
    x, kernel = inputs(8, 8, 5, dtype=jnp.bfloat16)
    grad_x, grad_kernel = jax.grad(
        lambda x, k: depthwise_conv(x, k).astype(jnp.float32).sum(), argnums=(0, 1)
    )(x, kernel)
    assert grad_x.dtype == grad_kernel.dtype == jnp.bfloat16


def test_lowers_natively_for_accelerators():
    x, kernel = inputs(8, 8, 5)
    text = jax.export.export(jax.jit(depthwise_conv), platforms=["cuda"])(x, kernel).mlir_module()
    assert "feature_group_count = 3" in text
