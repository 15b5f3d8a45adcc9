"""A self-ensemble is the mean over a face and its mirror image."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from smlnet_jax import create
from smlnet_jax.models import VARIANTS, SelfEnsemble

NARROW = dataclasses.replace(
    VARIANTS["smlnet_test"], spat_widths=(8,) * 4, freq_widths=(8,) * 4, fusion_levels=()
)
SPATIAL = dataclasses.replace(NARROW, branches="spatial")


@pytest.fixture(params=[pytest.param(NARROW, marks=pytest.mark.slow), SPATIAL], ids=["both", "spatial"])
def network(request):
    """A model, parameters under which it is not its input, and X; results are of an image's size, about 1."""
    model = create(request.param)
    params = jax.tree.map(lambda leaf: leaf + 0.01, model.init(jax.random.key(0)))
    return model, params, jax.random.uniform(jax.random.key(1), (2, 8, 16, 3))


def test_it_is_the_mean_of_both_views_and_knows_no_left_and_right(network):
    model, params, x = network
    ensemble = SelfEnsemble.of(model)
    straight, mirrored, both = (
        model.apply(params, x),
        model.apply(params, x[:, :, ::-1]),
        ensemble.apply(params, x),
    )
    assert jnp.abs(straight.sr - mirrored.sr[:, :, ::-1]).max() > 1e-4  # else there is nothing to average
    for one, other, mean in zip(straight, mirrored, both, strict=True):
        if one is None:
            assert other is None and mean is None
        else:
            np.testing.assert_allclose(mean, (one + other[:, :, ::-1]) / 2, atol=1e-6)
    chex.assert_trees_all_close(ensemble.apply(params, x[:, :, ::-1]).sr[:, :, ::-1], both.sr, atol=1e-6)


def test_it_has_the_network_s_parameters_at_twice_the_cost():
    model = create(NARROW)
    ensemble = SelfEnsemble.of(model)
    assert ensemble.param_count() == model.param_count()
    assert ensemble.macs() == 2 * model.macs()
    assert ensemble != model and hash(ensemble) == hash(SelfEnsemble.of(model))


def test_a_network_that_mirrors_by_itself_is_asked_once():
    model = create(dataclasses.replace(NARROW, mirror=True))
    assert SelfEnsemble.of(model) is model
