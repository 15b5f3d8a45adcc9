import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from smlnet_jax.errors import UserError
from smlnet_jax.figures.branches import parts, silence
from smlnet_jax.models import create
from smlnet_jax.models.baselines.sfmnet import SFMNetConfig


def _look(model):
    """(params, x) -> (output, {path: output of the module}), of SFIM's inputs and of SPBs, compiled once."""
    plain = create(dataclasses.replace(model.config, remat=False))
    seen = ("mfeb_freq", "spb.0.conv", "head.spat", "head_freq", "freq.0", "freq.1", "convs.4")

    @jax.jit
    def look(params, x):
        kept = {path: out for path, out in plain.intermediates(params, x) if path.endswith(seen)}
        return plain.apply(params, x), kept

    return look


@pytest.fixture(scope="module")
def looked(tiny):
    """The network seen whole, and without each of its parts."""
    model, params = tiny
    look, x = _look(model), jax.random.uniform(jax.random.key(2), (1, 16, 16, 3))
    silenced = {part: silence(params, pattern) for part, pattern in parts(model).items()}
    both = silence(silenced["MSIM"], parts(model)["frequency branch"])
    return x, {name: look(p, x) for name, p in {"": params, **silenced, "both": both}.items()}


def _at(found, end):
    return [np.asarray(out) for path, out in found.items() if path.endswith(end)]


def test_without_the_frequency_branch_every_msim_gets_zero_from_it(looked):
    x, seen = looked
    output, found = seen["frequency branch"]
    assert len(_at(found, "mfeb_freq")) == 7
    assert all((out == 0).all() for out in _at(found, "mfeb_freq"))
    assert all((out != 0).any() for out in _at(seen[""][1], "mfeb_freq"))
    np.testing.assert_array_equal(output.fre, x)
    assert (np.asarray(output.sr) != np.asarray(seen[""][0].sr)).any() and (output.sr != x).any()


def test_without_spatial_blocks_nothing_of_the_spatial_branch_is_added(looked):
    _, seen = looked
    _, found = seen["spatial blocks"]
    assert len(_at(found, "spb.0.conv")) == 7
    assert all((out == 0).all() for out in _at(found, "spb.0.conv") + _at(found, "head.spat"))
    assert all((out != 0).any() for out in _at(seen[""][1], "spb.0.conv"))


def test_without_msim_no_branch_learns_of_the_other(looked):
    _, seen = looked
    alone, both = seen["MSIM"][0], seen["both"][0]
    np.testing.assert_array_equal(alone.sr, both.sr)  # whatever the frequency branch does
    assert (np.asarray(alone.sr) != np.asarray(seen[""][0].sr)).any()


def test_silencing_leaves_the_given_parameters_as_they_are(tiny):
    _, params = tiny
    assert all(np.asarray(leaf).any() for leaf in jax.tree.leaves(params))
    silenced = silence(params, r"\.beta$")
    assert not silenced["neck"]["msim"]["beta"].any()
    assert silenced["neck"]["msim"]["to_freq"] == params["neck"]["msim"]["to_freq"]


@pytest.mark.parametrize("name", ["smlnet", "smlnet_lite", "sfmnet"])
def test_every_pattern_finds_parameters_in_networks_of_two_branches(name):
    model = create(name)
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    ones = jax.tree.map(lambda leaf: np.ones((1,) * len(leaf.shape)), shapes)
    for pattern in parts(model).values():
        left = jax.tree.leaves(silence(ones, pattern))
        assert 0 < sum(int(not np.asarray(leaf).any()) for leaf in left) < len(left)


@pytest.mark.slow
def test_sfmnet_without_its_frequency_branch(nowhere_zero):
    model = create(SFMNetConfig(width=8, attention_heads=2))
    params = jax.tree.map(lambda leaf: leaf / 4, nowhere_zero(model))  # so that 14 stages stay finite
    x = jax.random.uniform(jax.random.key(2), (1, 16, 16, 3))
    look = _look(model)
    assert jnp.isfinite(look(params, x)[0].sr).all()
    output, found = look(silence(params, parts(model)["frequency branch"]), x)
    frequency = [out for path, out in found.items() if ".freq." in path or path == "head_freq"]
    assert len(frequency) == 15 and all((out == 0).all() for out in frequency)
    np.testing.assert_array_equal(output.fre, x)
    assert jnp.isfinite(output.sr).all()
    _, found = look(silence(params, parts(model)["spatial blocks"]), x)
    assert len(_at(found, "convs.4")) == 14 and all((out == 0).all() for out in _at(found, "convs.4"))


@pytest.mark.parametrize("name", ["sparnet", "edsr", "rcan", "restormer"])
def test_networks_of_one_branch_have_nothing_to_silence(name):
    with pytest.raises(UserError, match="it has one branch"):
        parts(create(name))


def test_networks_without_msim_have_the_branches_alone(tiny):
    config = tiny[0].config
    assert "MSIM" not in parts(create(dataclasses.replace(config, fusion="none")))
    assert "MSIM" not in parts(create(dataclasses.replace(config, fusion_levels=())))
    with pytest.raises(UserError, match="it has one branch"):
        parts(create(dataclasses.replace(config, branches="spatial")))
