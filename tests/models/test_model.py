"""The two pure functions: what they return, what they refuse, and what can be seen inside."""

import dataclasses
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import smlnet_jax
from smlnet_jax import create
from smlnet_jax.errors import UserError
from smlnet_jax.models import SMLNet
from smlnet_jax.models.config import VARIANTS

X = jax.random.uniform(jax.random.key(1), (1, 16, 16, 3))


@pytest.fixture(scope="module")
def model():
    return create("smlnet_test")


@pytest.fixture(scope="module")
def params(model):
    return model.init(jax.random.key(0))


def test_params_are_a_plain_dict_with_string_keys_and_float32_arrays(params):
    for path, leaf in jax.tree.leaves_with_path(params):
        assert all(isinstance(entry.key, str) for entry in path)
        assert leaf.dtype == jnp.float32
        assert not leaf.weak_type  # the first update would return a strong one, and the step compile again


def test_init_is_a_function_of_its_key(model, params):
    again, other = model.init(jax.random.key(0)), model.init(jax.random.key(1))
    same = jax.tree.map(lambda a, b: bool((a == b).all()), params, again)
    assert all(jax.tree.leaves(same))
    assert not bool((params["head"]["spat"]["kernel"] == other["head"]["spat"]["kernel"]).all())


def test_residual_stacks_start_near_the_input_scale(model, params):
    largest = max(
        float(jnp.abs(leaf).max())
        for _, out in model.intermediates(params, X)
        for leaf in jax.tree.leaves(out)
    )
    assert largest < 10  # 3.0; with three times the variance 49


def test_module_runs_eagerly_by_itself():
    out = SMLNet(VARIANTS["smlnet_test"], rngs=nnx.Rngs(0))(X)
    np.testing.assert_array_equal(out.sr, X)


def test_apply_equals_the_bound_module(model, params):
    np.testing.assert_array_equal(model.apply(params, X).sr, model.bind(params)(X).sr)


@pytest.mark.slow
def test_vmap_over_params_is_an_ensemble(model, params):
    stacked = jax.tree.map(lambda a: jnp.stack([a, a]), params)
    out = jax.jit(jax.vmap(model.apply, in_axes=(0, None)))(stacked, X)
    assert out.sr.shape == (2, *X.shape)


def test_first_nonfinite_names_the_module_at_fault(model, params):
    assert model.first_nonfinite(params, X) is None
    broken = jax.tree.map(lambda a: a, params)
    kernel = broken["decoder"]["1"]["msim"]["interact"]["gates"]["expand"]["kernel"]
    broken["decoder"]["1"]["msim"]["interact"]["gates"]["expand"]["kernel"] = kernel.at[0].set(jnp.nan)
    again = create(dataclasses.replace(model.config, remat=True))
    for each in (model, again):
        assert each.first_nonfinite(broken, X) == "decoder.1.msim.interact.gates.expand"


def test_looking_inside_leaves_the_classes_as_they_were(model, params):
    before = SMLNet.__call__
    model.intermediates(params, X)
    assert SMLNet.__call__ is before


def test_input_that_does_not_divide_is_refused_with_its_shape(model, params):
    with pytest.raises(UserError, match=r"\(1, 12, 16, 3\).*divisible by 8"):
        model.apply(params, jnp.zeros((1, 12, 16, 3)))


def test_input_of_levels_and_sizes_that_do_not_divide_are_refused_wherever_they_come_in(model, params):
    with pytest.raises(UserError, match="of uint8; it needs floats in"):
        model.apply(params, np.zeros((1, 16, 16, 3), np.uint8))
    with pytest.raises(UserError, match="divisible by 8"):
        model.intermediates(params, jnp.zeros((1, 12, 16, 3)))
    with pytest.raises(UserError, match="divisible by 8"):
        model.macs(100, 100)


def test_input_that_consistency_cannot_reduce_is_refused():
    model = create(dataclasses.replace(VARIANTS["smlnet_test"], consistency=16))
    with pytest.raises(UserError, match=r"divisible by 16"):
        model.apply(model.init(jax.random.key(0)), jnp.zeros((1, 24, 24, 3)))


def test_parameters_of_another_variant_are_refused_by_name(params):
    with pytest.raises(UserError, match="not of smlnet_full_t"):
        create("smlnet_full_t").apply(params, X)


def test_nothing_outside_of_models_imports_flax():
    package = Path(smlnet_jax.__file__).parent
    imports = re.compile(r"^\s*(import|from) flax\b", re.MULTILINE)
    found = {
        path.relative_to(package).parts[0]
        for path in package.rglob("*.py")
        if imports.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"models"}
