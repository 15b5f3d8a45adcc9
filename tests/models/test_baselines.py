"""The networks that SMLNet is compared with: published sizes, forward, backward, their way into a recipe."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import base
from smlnet_jax import create
from smlnet_jax.config import from_config_dict, model_config, model_fields, to_dict
from smlnet_jax.errors import UserError
from smlnet_jax.export.card import Card, card_from_json
from smlnet_jax.models import BASELINES, NETWORKS, NetworkConfig

# What papers and their tables state: parameters, GMACs, and the output, in pixels, that they are stated for.
# Abstractly: no network of these sizes is compiled here.
PUBLISHED = {
    "sfmnet": (BASELINES["sfmnet"], 8_799_622 - 253_680, 30.69, (128, 128)),  # without those it never uses
    "sparnet": (BASELINES["sparnet"], 10.52e6, 7.13, (128, 128)),
    "edsr": (dataclasses.replace(BASELINES["edsr"], unshuffle=2), 1_369_859, 316.3, (720, 1280)),
    "rcan": (dataclasses.replace(BASELINES["rcan"], unshuffle=4), 15.59e6, 917.6, (720, 1280)),
    # 35.25 in convolutions, as published; 3.47 in the products of the attention, which the paper leaves out.
    "restormer": (BASELINES["restormer"], 26.13e6, 35.25 + 3.47, (128, 128)),
}
# Millions of parameters and GMACs at 128x128, as in docs/baselines.md. When a block changes, change both.
SIZES = {
    "bicubic": (0.0, 0.0),
    "sfmnet": (8.55, 30.69),
    "sparnet": (10.63, 7.16),
    "edsr": (1.77, 1.16),
    "rcan": (15.85, 4.73),
    "restormer": (26.13, 38.72),
    "restormer_s": (9.09, 15.37),
}
SHALLOW = {"width": 8, "res_blocks": 1, "unshuffle": 2}
TINY: dict[str, NetworkConfig] = {
    name: dataclasses.replace(BASELINES[name.split("-")[0]], **changes)
    for name, changes in {
        "bicubic": {},
        "sfmnet": {"width": 8, "attention_heads": 2},
        "sfmnet-literal": {"width": 8, "attention_heads": 2, "literal": True},
        "sparnet": {"widths": (4, 8), "units": 1, "hourglass_width": 4, "hourglass_depth": 1},
        "sparnet-affine": {
            "widths": (4, 8), "units": 1, "hourglass_width": 4, "hourglass_depth": 1, "norm": "affine",
        },
        "edsr": SHALLOW,
        "rcan": {**SHALLOW, "groups": 1, "reduction": 2},
        "restormer": {"width": 8, "blocks": (1,) * 4, "refinement": 1, "heads": (1, 2, 2, 4)},
    }.items()
}  # fmt: skip


def inputs(config):
    return jax.random.uniform(jax.random.key(1), (1, config.stride, 2 * config.stride, 3))


def woken(params):
    """Parameters with every zero-initialised tensor filled, so that no path is silent."""
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(2), len(leaves))
    return tree.unflatten(
        [leaf + 0.02 * jax.random.normal(k, leaf.shape) for leaf, k in zip(leaves, keys, strict=True)]
    )


@pytest.mark.parametrize("name", PUBLISHED)
def test_size_is_the_published_one(name):
    config, params, gmacs, image = PUBLISHED[name]
    model = create(config)
    assert model.param_count() == pytest.approx(params, rel=0.02)
    assert model.macs(*image) / 1e9 == pytest.approx(gmacs, rel=0.02)


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("bicubic", "edsr", "restormer_s") else pytest.param(name, marks=pytest.mark.slow)
        for name in SIZES
    ],
)
def test_size_is_the_documented_one(name):
    model = create(name)
    assert model.param_count() / 1e6 == pytest.approx(SIZES[name][0], abs=0.006)
    assert model.macs() / 1e9 == pytest.approx(SIZES[name][1], abs=0.006)


def test_literal_sfmnet_has_the_parameters_of_the_original_to_the_last_one():
    literal = dataclasses.replace(BASELINES["sfmnet"], literal=True)
    assert create(literal).param_count() == 8_799_622 - 253_680


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("bicubic", "edsr", "rcan") else pytest.param(name, marks=pytest.mark.slow)
        for name in TINY
    ],
)
def test_every_parameter_is_trained(name):
    model = create(TINY[name])
    x, params = inputs(model.config), woken(model.init(jax.random.key(0)))

    def loss(params):
        out = model.apply(params, x)
        return sum(jnp.abs(image - 0.5).mean() for image in out if image is not None), out

    (_, out), gradient = jax.value_and_grad(loss, has_aux=True)(params)
    assert out.sr.shape == x.shape and out.sr.dtype == jnp.float32
    assert (out.fre is not None) == (model.config.name == "sfmnet")
    dead = [
        jax.tree_util.keystr(path)
        for path, g in jax.tree.leaves_with_path(gradient)
        if not jnp.abs(g).max() > 0
    ]
    assert not dead, f"no gradient, or one that is not finite: {dead}"


@pytest.mark.parametrize(
    "name", ["bicubic", "sfmnet", "edsr", "rcan", pytest.param("restormer", marks=pytest.mark.slow)]
)
def test_untrained_network_returns_its_input(name):
    model = create(TINY[name])
    x = inputs(model.config)
    for image in model.apply(model.init(jax.random.key(0)), x):
        if image is not None:
            np.testing.assert_array_equal(image, x)


def test_untrained_sparnet_draws_a_picture_of_its_own():
    model = create(TINY["sparnet"])
    x = inputs(model.config)
    out = model.apply(model.init(jax.random.key(0)), x).sr
    assert float(jnp.abs(out - 0.5).mean()) < 0.5 and float(jnp.abs(out - x).mean()) > 0.01


@pytest.mark.parametrize("name", TINY)
def test_bfloat16_and_rematerialisation_keep_shapes_and_parameters(name):
    plain = create(TINY[name])
    other = create(dataclasses.replace(TINY[name], dtype="bfloat16", remat=True))
    params = jax.eval_shape(plain.init, jax.random.key(0))
    gradient = jax.eval_shape(jax.grad(lambda p: other.apply(p, inputs(plain.config)).sr.sum()), params)
    assert jax.tree.map(lambda leaf: leaf.shape, gradient) == jax.tree.map(lambda leaf: leaf.shape, params)


@pytest.mark.parametrize("name", BASELINES)
def test_config_goes_into_a_recipe_and_a_card_and_back(name):
    recipe = base.get_config()
    recipe.model.name = name
    recipe.model.remat = True
    config = from_config_dict(recipe)
    assert config.model == dataclasses.replace(BASELINES[name], remat=True)
    assert from_config_dict(to_dict(config)) == config
    assert model_config(to_dict(config.model)) == config.model
    card = Card("some_x8", config.model)
    assert card_from_json(card.to_json(), "config.json") == card


def test_fields_that_networks_share_have_one_type():
    for config in NETWORKS.values():
        for name, value in to_dict(config).items():
            kind = model_fields()[name]
            assert isinstance(value, getattr(kind, "__origin__", kind)), (config.name, name)


def test_names_are_those_of_the_configs():
    assert [config.name for config in NETWORKS.values()] == list(NETWORKS)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": "sfmnett"}, "model.name='sfmnett' is unknown; did you mean sfmnet"),
        ({"name": "sfmnet", "fusion": "gate"}, "config.model.fusion is of another network; sfmnet has name"),
        ({"name": "sfmnet", "widht": 8}, "config.model.widht is unknown; did you mean width"),
        ({"name": "sfmnet", "width": 12}, "model.attention_heads=8 must divide model.width=12"),
        ({"name": "sparnet", "norm": "batch"}, "model.norm='batch' is unknown; choose one of layer, affine"),
        ({"name": "edsr", "unshuffle": 3}, "model.unshuffle=3 is unknown; choose one of 2, 4, 8, 16"),
        ({"name": "rcan", "groups": 0}, "model.groups=0 must be above 0"),
        ({"name": "restormer", "blocks": (1, 2)}, r"model.blocks=\(1, 2\) must be 4 positive numbers"),
        ({"name": "restormer", "heads": (5, 1, 1, 1)}, "5 does not divide the 48 channels of level 0"),
    ],
)
def test_wrong_choice_is_named(values, sentence):
    with pytest.raises(UserError, match=sentence):
        model_config(values)
