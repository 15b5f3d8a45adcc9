"""Every named variant and every switch: forward, backward, size, bfloat16."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from smlnet_jax import create
from smlnet_jax.errors import UserError
from smlnet_jax.models.config import VARIANTS

# Millions of parameters and GMACs at 128x128, as in docs/model.md. When a block changes, change both.
SIZES = {
    "smlnet_full": (6.10, 15.70),
    "smlnet_full_s": (1.55, 4.02),
    "smlnet_full_t": (0.98, 3.24),
    "smlnet_full_wide": (13.4, 15.3),
    "smlnet": (18.0, 5.95),
    "smlnet_s": (11.86, 3.59),
    "smlnet_l": (29.1, 13.3),
    "smlnet_lite": (3.07, 0.475),
    "smlnet_test": (0.23, 0.73),
}
TEST = VARIANTS["smlnet_test"]
SWITCHES = {
    "as-it-is": {},
    "spatial": {"branches": "spatial"},
    "frequency": {"branches": "frequency"},
    "naf": {"spatial_block": "naf"},
    "spatial-mfeb": {"branches": "spatial", "fusion": "none"},
    "frequency-mfeb": {"branches": "frequency", "fusion": "none"},
    "no-interaction": {"fusion": "none"},
    "concat": {"fusion": "concat"},
    "gate": {"fusion": "gate"},
    "attention": {"fusion": "attention"},
    "no-mfeb": {"mfeb_kernels": ()},
    "mfeb-3-5": {"mfeb_kernels": (3, 5)},
    "complex-1x1": {"spectrum": "complex", "spectral_kernel": 1},
    "polar": {"spectrum": "polar"},
    "pixels": {"spectrum": "pixels", "radial_bands": 0},
    "no-radial-gain": {"radial_bands": 0},
    "dft": {"fft_impl": "dft"},
    "decoder-only": {"fusion_stages": "decoder"},
    "coarse-fusion": {"fusion_levels": (1, 2, 3)},
    "coarse-interaction": {"interaction_levels": (2, 3)},
    "mfeb-skip": {"msim_skip": "mfeb"},
    "one-way": {"two_way": False},
    "plain-attention": {"attention_depthwise": False},
    "unequal-widths": {"freq_widths": (16, 16, 16, 8), "attention_heads": 4},
    "unshuffle-2": {"unshuffle": 2},
    "consistency": {"consistency": 8},
    "mirror": {"mirror": True, "fusion_levels": (3,)},
}


def inputs(config):
    return jax.random.uniform(jax.random.key(1), (1, config.stride, 2 * config.stride, 3))


def woken(params):
    """Parameters with every zero-initialised tensor filled, so that no path is silent.

    By chance all of the few units of a small squeeze-excite may be: a bias of 1 keeps them awake.
    """
    leaves, tree = jax.tree.flatten_with_path(params)
    keys = jax.random.split(jax.random.key(2), len(leaves))
    return tree.unflatten(
        jnp.ones_like(leaf)
        if jax.tree_util.keystr(path).endswith("['squeeze']['bias']")
        else leaf + 0.02 * jax.random.normal(key, leaf.shape)
        for key, (path, leaf) in zip(keys, leaves, strict=True)
    )


def loss_and_output(model, params, x):
    out = model.apply(params, x)
    return sum(jnp.abs(image - 0.5).mean() for image in out if image is not None), out


def assert_reaches_every_parameter(gradient):
    dead = [
        jax.tree_util.keystr(path)
        for path, g in jax.tree.leaves_with_path(gradient)
        if not jnp.abs(g).max() > 0
    ]
    assert not dead, f"no gradient, or one that is not finite: {dead}"


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_has_the_published_size(name):
    model = create(name)
    params, gmacs = SIZES[name]
    assert model.param_count() / 1e6 == pytest.approx(params, rel=0.02)
    assert model.macs() / 1e9 == pytest.approx(gmacs, rel=0.02)


@pytest.mark.slow  # a network compiles for a minute or two; every part of it runs eagerly below
@pytest.mark.parametrize("name", VARIANTS)
def test_variant_trains_every_parameter_and_agrees_in_bfloat16(name):
    model, half = create(name), create(dataclasses.replace(VARIANTS[name], dtype="bfloat16"))
    x, params = inputs(model.config), woken(jax.jit(model.init)(jax.random.key(0)))
    compiled = jax.jit(jax.value_and_grad(lambda p, x: loss_and_output(model, p, x), has_aux=True))
    (_, out), gradient = compiled(params, x)
    assert_reaches_every_parameter(gradient)
    rounded = jax.jit(half.apply)(params, x)
    assert rounded.sr.dtype == jnp.float32
    # Random networks differ in what they make of a rounding, so the yardstick is what float32 makes of
    # parameters and an X that are rounded once. A feature is rounded at each step of its way: 1.3 to 2 times.
    near_params, near_x = jax.tree.map(lambda a: a.astype(jnp.bfloat16).astype(jnp.float32), (params, x))
    (_, near), _ = compiled(near_params, near_x)
    apart, yardstick = jnp.abs(rounded.sr - out.sr).mean(), jnp.abs((near.sr - near_x) - (out.sr - x)).mean()
    assert apart < 2.5 * yardstick, f"bfloat16 is {apart / yardstick:.2f} times as far as what goes in"


OWN_SHAPES = ("unequal-widths", "mirror")  # compile what no other test does
TRAINED = [pytest.param(name, marks=pytest.mark.slow) if name in OWN_SHAPES else name for name in SWITCHES]


@pytest.mark.parametrize("switch", TRAINED)
def test_switch_trains_every_parameter(switch):
    # Eagerly: operations are compiled once for all switches, a whole network once a switch.
    model = create(dataclasses.replace(TEST, **SWITCHES[switch]))
    x, params = inputs(model.config), woken(model.init(jax.random.key(0)))
    (_, out), gradient = jax.value_and_grad(lambda p: loss_and_output(model, p, x), has_aux=True)(params)
    assert out.sr.shape == x.shape
    assert (out.fre is None) == (model.config.branches != "both")
    assert_reaches_every_parameter(gradient)


def test_rematerialised_gradient_equals_the_plain_one():
    config = dataclasses.replace(TEST, branches="spatial")  # the branch that compiles in a second
    x, params = inputs(config), woken(create(config).init(jax.random.key(0)))
    plain, again = (
        jax.jit(jax.grad(lambda p, m=model: loss_and_output(m, p, x)[0]))(params)
        for model in (create(config), create(dataclasses.replace(config, remat=True)))
    )
    for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves(again), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_untrained_network_returns_its_input():
    model = create("smlnet_test")
    x = inputs(TEST)
    out = model.apply(model.init(jax.random.key(0)), x)
    np.testing.assert_array_equal(out.sr, x)
    np.testing.assert_array_equal(out.fre, x)


def test_dft_and_fft_forms_give_the_same_picture():
    x = inputs(TEST)
    params = woken(create(TEST).init(jax.random.key(0)))
    fft, dft = (
        create(dataclasses.replace(TEST, fft_impl=impl)).apply(params, x).sr for impl in ("fft", "dft")
    )
    np.testing.assert_allclose(fft, dft, atol=2e-4)


@pytest.mark.slow
def test_bfloat16_gradients_of_what_is_broadcast_over_pixels_are_those_of_float32():
    """A sum of thousands of terms in bfloat16 would stop growing long before its end."""
    shallow = dataclasses.replace(TEST, branches="spatial", fusion="none", spat_widths=(8,) * 4)
    x, hr = jax.random.uniform(jax.random.key(1), (2, 8, 64, 64, 3))
    params = create(shallow).init(jax.random.key(0))
    params["tail"]["spat"]["kernel"] += 0.1  # zero at the start: nothing would pass

    def gradients(dtype):
        model = create(dataclasses.replace(shallow, dtype=dtype))
        loss = jax.jit(jax.grad(lambda p: jnp.square(model.apply(p, x).sr - hr).mean()))
        return jax.tree_util.tree_leaves_with_path(loss(params))

    for (path, wide), (_, half) in zip(gradients("float32"), gradients("bfloat16"), strict=True):
        apart, size = float(jnp.linalg.norm(wide - half)), float(jnp.linalg.norm(wide))
        assert apart <= 0.1 * size, f"{jax.tree_util.keystr(path)} is {apart} away, of {size}"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"fusion": "magic"}, "model.fusion='magic'"),
        ({"msim_skip": "magic"}, "model.msim_skip='magic'"),
        ({"spat_widths": (16, 16)}, "model.spat_widths"),
        ({"attention_heads": 7}, "model.attention_heads=7"),
        ({"attention_heads": 0}, "model.attention_heads=0"),
        ({"fusion_levels": (0, 4)}, "model.fusion_levels=(0, 4)"),
        ({"interaction_levels": (-1,)}, "model.interaction_levels=(-1,)"),
        ({"spectrum": "pixels"}, "set model.radial_bands=0"),
        ({"spatial_block": "nafnet"}, "model.spatial_block='nafnet' is unknown; choose one of residual, naf"),
        ({"res_blocks": -1}, "model.res_blocks=-1"),
        ({"mfeb_kernels": (2, 4)}, "model.mfeb_kernels"),
        ({"radial_bands": 1}, "model.radial_bands=1"),
        ({"mirror": True, "spectrum": "polar"}, "model.mirror=True cannot tie a raw phase"),
        ({"mirror": True, "attention_heads": 1}, "model.attention_heads=1 must be even"),
    ],
)
def test_impossible_config_is_refused_by_name(change, named):
    with pytest.raises(UserError, match=re.escape(named)):
        dataclasses.replace(TEST, **change)


def test_unknown_variant_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match="smlnet_lite"):
        create("smlnet_xxl")


def test_branches_meet_at_the_interaction_levels_and_keep_their_mfeb_at_the_others():
    shapes = jax.eval_shape(
        create(dataclasses.replace(TEST, interaction_levels=(3,))).init, jax.random.key(0)
    )
    at_level_1, at_level_3 = shapes["encoder"]["0"]["msim"], shapes["encoder"]["2"]["msim"]
    assert at_level_1.keys() == {"mfeb_freq", "mfeb_spat"}
    assert at_level_3.keys() > {"mfeb_freq", "mfeb_spat", "interact", "to_spat"}


def test_no_value_of_a_network_on_pixels_comes_of_a_transform():
    model = create(dataclasses.replace(TEST, **SWITCHES["pixels"]))
    params = jax.eval_shape(model.init, jax.random.key(0))
    program = str(jax.make_jaxpr(model.apply)(params, inputs(TEST)))
    assert "fft_lengths" not in program
    assert "fft_lengths" in str(
        jax.make_jaxpr(create(TEST).apply)(create(TEST).init(jax.random.key(0)), inputs(TEST))
    )
