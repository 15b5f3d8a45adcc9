"""One program for every kind of machine: lowered ahead of time for those that are not here."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import pytest
from jax import export

from smlnet_jax import create
from smlnet_jax.config import Config, DataConfig, LossConfig, OptimConfig, TrainConfig
from smlnet_jax.models.config import VARIANTS
from smlnet_jax.training.optimizer import transformation
from smlnet_jax.training.state import initial_state
from smlnet_jax.training.step import Images, train_step

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


def training_step(platforms, spectral="complex"):
    """The whole update, exported: network, both losses, Adam, the average of the weights."""
    config = Config(
        dataclasses.replace(TEST, fft_impl="dft"), DataConfig(size=16, scale=4), OptimConfig(),
        LossConfig(spectral=spectral), TrainConfig(batch_size=2),
    )  # fmt: skip
    model, tx = create(config.model), transformation(config.optim)
    state = jax.eval_shape(lambda: initial_state(model.init(jax.random.key(0)), tx))
    images = Images(*(jax.ShapeDtypeStruct((2, side, side, 3), jnp.uint8) for side in (16, 4)))
    step = jax.jit(functools.partial(train_step, model=model, tx=tx, config=config))
    return export.export(step, platforms=platforms)(state, images)


@pytest.mark.slow
@pytest.mark.parametrize("spectral", ["complex", "polar"])
def test_training_step_of_a_tpu_holds_no_complex_number_and_no_fft(spectral):
    text = training_step(["tpu"], spectral).mlir_module()
    assert "complex<" not in text
    assert "stablehlo.fft" not in text


@pytest.mark.slow
def test_training_step_is_exported_for_all_platforms_at_once():
    platforms = ("cpu", "cuda", "tpu")
    exported = training_step(platforms)
    assert exported.platforms == platforms
    assert "stablehlo.fft" in exported.mlir_module()  # the spectral loss's, for all but the TPU


@pytest.mark.parametrize("platform", ["cpu", "cuda"])
def test_auto_is_the_fft_elsewhere(platform):
    assert "stablehlo.fft" in program(platform, "auto")


def test_depthwise_convolution_is_native_on_accelerators_and_shifted_on_cpus():
    assert "feature_group_count = 8" in program("cuda", "dft")
    assert "feature_group_count = 8" not in program("cpu", "dft")
