"""One program for every kind of machine: lowered ahead of time for those that are not here."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest
from jax import export

from smlnet_jax import create
from smlnet_jax.models.config import VARIANTS

TEST = VARIANTS["smlnet_test"]


def program(platform, fft_impl):
    model = create(dataclasses.replace(TEST, fft_impl=fft_impl))
    params = jax.eval_shape(model.init, jax.random.key(0))
    x = jax.ShapeDtypeStruct((2, 16, 16, 3), jnp.float32)

    def gradient(params, x):
        return jax.grad(lambda p: jnp.abs(sum(model.apply(p, x))).mean())(params)

    return export.export(jax.jit(gradient), platforms=[platform])(params, x).mlir_module()


@pytest.mark.parametrize("fft_impl", ["auto", "dft"])
def test_tpu_program_holds_no_complex_number_and_no_fft(fft_impl):
    text = program("tpu", fft_impl)
    assert "complex<" not in text
    assert "stablehlo.fft" not in text


@pytest.mark.parametrize("platform", ["cpu", "cuda"])
def test_auto_is_the_fft_elsewhere(platform):
    assert "stablehlo.fft" in program(platform, "auto")


def test_depthwise_convolution_is_native_on_accelerators_and_shifted_on_cpus():
    assert "feature_group_count = 8" in program("cuda", "dft")
    assert "feature_group_count = 8" not in program("cpu", "dft")
