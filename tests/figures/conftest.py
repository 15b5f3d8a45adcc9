"""Generated faces, and networks small enough to compile in no time."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from smlnet_jax.models import ModelConfig, Output, create


@dataclasses.dataclass(frozen=True)
class Brighter:
    """X plus a constant; it has one output, as a network of one branch."""

    def apply(self, params, x):
        return Output(x + params)


@dataclasses.dataclass(frozen=True)
class Dual:
    """A stand-in for a network of both branches: a parameter for each part, under the path that it has."""

    config: ModelConfig

    def init(self):
        return {
            "head": {"spat": {"bias": jnp.float32(0.1)}, "freq": {"bias": jnp.float32(0.05)}},
            "neck": {"msim": {"to_spat": {"bias": jnp.float32(0.1)}}},
        }

    def apply(self, params, x):
        fre = x * (1 - params["head"]["freq"]["bias"])
        return Output(fre + params["head"]["spat"]["bias"] * params["neck"]["msim"]["to_spat"]["bias"], fre)


@pytest.fixture
def dual(tiny) -> Dual:
    return Dual(tiny[0].config)


@pytest.fixture
def brighter() -> Brighter:
    return Brighter()


@pytest.fixture(scope="session")
def tiny(nowhere_zero):
    """A network of both branches with every switch that matters, and parameters none of which is zero."""
    config = ModelConfig(
        name="tiny",
        spat_widths=(8,) * 4,
        freq_widths=(4,) * 4,
        blocks=(1,) * 4,
        res_blocks=1,
        attention_heads=2,
        attention_depthwise=False,
        mfeb_kernels=(1, 3),
        spectrum="complex",
        spectral_kernel=1,
        remat=True,
    )
    model = create(config)
    return model, nowhere_zero(model)


@pytest.fixture(scope="session")
def nowhere_zero():
    """Parameters of a model, none of which is zero: heads, tails and beta all count."""

    def draw(model):
        shapes, rng = jax.eval_shape(model.init, jax.random.key(0)), np.random.default_rng(0)
        spread = {1: 0.1, 4: 0.3}  # of biases and kernels
        return jax.tree.map(
            lambda leaf: jnp.asarray(rng.normal(0.02, spread.get(leaf.ndim, 0.1), leaf.shape), jnp.float32),
            shapes,
        )

    return draw


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Five 32x32 pictures: 0.png to 4.png."""
    root = tmp_path_factory.mktemp("faces")
    coarse = np.random.default_rng(5).integers(0, 256, (5, 9, 9, 3), np.uint8)
    for i, image in enumerate(coarse):
        Image.fromarray(image).resize((32, 32), Image.Resampling.BICUBIC).save(root / f"{i}.png")
    return root
