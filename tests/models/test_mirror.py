"""A network with `mirror=True` makes the mirror image of its result for a mirrored face."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st

from smlnet_jax import create
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation import weights
from smlnet_jax.models import NETWORKS, VARIANTS, Model, Output
from smlnet_jax.models.baselines.edsr import EDSRConfig
from smlnet_jax.models.baselines.rcan import RCANConfig
from smlnet_jax.models.layers import Conv, pixel_unshuffle
from smlnet_jax.models.mirror import Layout, picture
from smlnet_jax.models.smlnet import Pair, Stage
from smlnet_jax.training.optimizer import transformation
from smlnet_jax.training.state import initial_state
from smlnet_jax.training.step import train_step
from tests.training.bench import config_of, generated_images

NARROW = dataclasses.replace(VARIANTS["smlnet_test"], spat_widths=(8,) * 4, freq_widths=(8,) * 4, mirror=True)
SPATIAL = dataclasses.replace(NARROW, branches="spatial")


@pytest.mark.parametrize("kernel", [1, 3])
def test_symmetry_costs_no_operations(kernel):
    mirrored = dataclasses.replace(NARROW, spectral_kernel=kernel)
    assert create(mirrored).macs(16, 16) == create(dataclasses.replace(mirrored, mirror=False)).macs(16, 16)


class OneStage(nnx.Module):
    """Head, FRB beside SPB, MSIM, tail: each part of SMLNet once, but for Down and Up."""

    def __init__(self, config, *, rngs):
        self.head = Pair(config, lambda widths: Conv(3, widths[0], reads=picture(1), rngs=rngs))
        self.stage = Stage(config, 0, None, encodes=True, rngs=rngs)
        self.tail = Pair(config, lambda widths: Conv(widths[0], 3, writes=picture(1), rngs=rngs))

    def __call__(self, x):
        fre, spa = self.tail(*self.stage(*self.head(x, x)))
        return Output(spa, fre)


DECODER = {"spectral_kernel": 1, "fusion": "concat", "fusion_stages": "decoder", "unshuffle": 2}
PIXELS = {"spectrum": "pixels", "radial_bands": 0, "branches": "frequency", "fusion": "none"}
NETWORKS_TIED = {
    "stage-phasor-3x3": Model(NARROW, OneStage),
    "stage-complex-1x1": Model(
        dataclasses.replace(
            NARROW,
            spectrum="complex",
            spectral_kernel=1,
            fusion="concat",
            msim_skip="mfeb",
            mfeb_kernels=(3, 5),
        ),
        OneStage,
    ),
    "whole-odd-splits": create(
        dataclasses.replace(NARROW, **PIXELS, fusion_levels=(3,), freq_widths=(8, 8, 8, 6))
    ),
    "stage-naf": Model(dataclasses.replace(NARROW, spatial_block="naf"), OneStage),
    "edsr": create(EDSRConfig(width=8, res_blocks=2, unshuffle=4, mirror=True)),
    "rcan": create(RCANConfig(width=16, groups=1, res_blocks=1, unshuffle=4, mirror=True)),
    "whole": create(NARROW),
    "whole-decoder": create(dataclasses.replace(NARROW, **DECODER)),
}
WHOLE_ONES_SLOW = [
    pytest.param(name, marks=[pytest.mark.slow] if "whole" in name else []) for name in NETWORKS_TIED
]


def mirror(x):
    return x[:, :, ::-1]


def shaken(params):
    """Other parameters, at random: those of a fresh network hide what starts at zero."""
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(3), len(leaves))
    return tree.unflatten(
        leaf + 0.1 * jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)
    )


@pytest.mark.parametrize("name", WHOLE_ONES_SLOW)
def test_mirrored_face_gets_the_mirrored_result(name):
    model = NETWORKS_TIED[name]
    params = model.tie(shaken(model.init(jax.random.key(0))))
    x = jax.random.uniform(jax.random.key(1), (1, model.config.stride, 2 * model.config.stride, 3))
    outputs, mirrored = (model.apply(params, face) for face in (x, mirror(x)))
    for out, again in zip(outputs, mirrored, strict=True):
        if out is None:
            continue
        assert jnp.abs(out - x).max() > 1e-2  # else every network would pass
        np.testing.assert_allclose(mirror(again), out, atol=2e-5)


def test_fresh_parameters_are_tied_vary_as_others_do_and_count_by_half():
    model, plain = create(SPATIAL), create(dataclasses.replace(SPATIAL, mirror=False))
    params, others = model.init(jax.random.key(0)), plain.init(jax.random.key(0))
    chex.assert_trees_all_equal(model.tie(params), params)
    kernel, other = (p["encoder"]["0"]["blocks"]["spb"]["0"]["conv"]["kernel"] for p in (params, others))
    assert float(kernel.std()) == pytest.approx(float(other.std()), rel=0.1)
    # Of everything one half, but for the 3 biases of the tail, a scale a block and the slopes of PReLU.
    total = plain.param_count()
    assert total / 2 <= model.param_count() < total / 2 + 15


def test_without_the_switch_tying_changes_nothing():
    model = create(dataclasses.replace(SPATIAL, mirror=False))
    params = model.init(jax.random.key(0))
    assert model.tie(params) is params


def test_training_never_leaves_the_symmetry():
    model, config = create(SPATIAL), config_of(optim={"name": "muon"})
    tx = transformation(config.optim)
    state = initial_state(model.init(jax.random.key(0)), tx)
    before = state.params
    step = jax.jit(lambda state, images: train_step(state, images, model=model, tx=tx, config=config))
    for _ in range(3):
        state, _ = step(state, generated_images())
    chex.assert_trees_all_equal(model.tie(state.params), state.params)
    chex.assert_trees_all_close(model.tie(state.ema), state.ema, atol=1e-7)
    moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), before, state.params)
    assert min(jax.tree.leaves(moved["encoder"]["0"]["blocks"])) > 0


layouts = st.sampled_from(
    [
        (Layout(), 6),
        (Layout((4, 3)), 7),
        (Layout((4, 4), (1, -1)), 8),
        (Layout((4,), (-1,)), 4),
        (Layout(unshuffled=2), 16),
        (picture(4), 48),
    ]
)


@given(layouts, st.sampled_from([0, 1]))
def test_mirroring_channels_twice_changes_nothing(layout, axis):
    layout, n = layout
    array = np.random.default_rng(0).normal(size=(n, n)).astype(np.float32)
    once = layout.mirror(array, axis)
    np.testing.assert_array_equal(layout.mirror(once, axis), array)
    assert not np.array_equal(once, array)


def test_an_unshuffled_picture_is_mirrored_block_by_block():
    x = jnp.arange(2 * 4 * 8 * 3.0).reshape(2, 4, 8, 3)
    expected = pixel_unshuffle(mirror(x), 4)
    np.testing.assert_array_equal(picture(4).mirror(mirror(pixel_unshuffle(x, 4)), 3), expected)


@pytest.mark.parametrize("name", ["sfmnet", "sparnet", "restormer"])
def test_networks_that_do_not_say_how_are_refused(name):
    with pytest.raises(UserError, match=f"nothing says how {name}'s"):
        dataclasses.replace(NETWORKS[name], mirror=True)


def test_self_ensemble_of_it_is_refused(monkeypatch):
    monkeypatch.setattr(weights, "_load", lambda what, workdir: weights.Loaded("mine", create(SPATIAL), {}))
    with pytest.raises(UserError, match="would change nothing: mine"):
        weights.load("mine", "", self_ensemble=True)
