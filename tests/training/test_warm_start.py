"""A new run may start from weights that were trained before."""

import dataclasses
import importlib

import chex
import jax
import jax.numpy as jnp
import pytest

from smlnet_jax import create
from smlnet_jax.config import from_config_dict
from smlnet_jax.errors import UserError
from smlnet_jax.export.pretrained import load_card
from smlnet_jax.models.config import VARIANTS
from smlnet_jax.training import loop
from smlnet_jax.training.checkpoint import Checkpoints
from smlnet_jax.training.optimizer import transformation
from smlnet_jax.training.sharding import data_mesh
from smlnet_jax.training.state import abstract_state, initial_state, started_from
from smlnet_jax.training.warm_start import fitting_params, pretrained_params
from tests.training.bench import THREE, config_of, run, saved_state

NARROW = dataclasses.replace(
    VARIANTS["smlnet_test"], spat_widths=(4,) * 4, freq_widths=(8,) * 4, branches="spatial"
)
TX = transformation(config_of().optim)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A run whose best checkpoint is that of step 1."""
    workdir = tmp_path_factory.mktemp("before")
    shapes = jax.eval_shape(create(NARROW).init, jax.random.key(0))
    config = dataclasses.replace(config_of(), model=NARROW)
    with Checkpoints(workdir, keep=2) as checkpoints:
        for step in (1, 2):
            params = jax.tree.map(lambda x, step=step: jnp.full(x.shape, step, x.dtype), shapes)
            checkpoints.save(step, initial_state(params, TX), config)
            checkpoints.score(step, 30.0 - step)
    return workdir


def test_weights_of_a_workdir_are_those_of_its_best_checkpoint(workdir):
    params = pretrained_params(str(workdir), create(NARROW))
    assert {float(leaf.max()) for leaf in jax.tree.leaves(params)} == {1.0}


def test_switches_that_have_no_parameters_may_differ(workdir):
    other = dataclasses.replace(NARROW, dtype="bfloat16", remat=True, fft_impl="dft", consistency=8)
    chex.assert_trees_all_equal(
        pretrained_params(str(workdir), create(other)), pretrained_params(str(workdir), create(NARROW))
    )


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (VARIANTS["smlnet_full_t"], "holds weights of smlnet_test.*this run trains smlnet_full_t"),
        (dataclasses.replace(NARROW, res_blocks=2), "model.res_blocks=1.*with 2"),
    ],
)
def test_weights_of_another_network_are_refused_by_name(workdir, model, sentence):
    with pytest.raises(UserError, match=sentence):
        pretrained_params(str(workdir), create(model))


def test_weights_that_are_nowhere_are_refused(tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        pretrained_params(str(tmp_path / "nowhere"), create(NARROW))


def test_bicubic_is_no_weights():
    with pytest.raises(UserError, match=r"train.init='bicubic' has no weights"):
        config_of(init="bicubic")


@pytest.mark.parametrize(
    ("recipe", "consistency"),
    [("smlnet_lite_x4", 4), ("smlnet_lite_x16", 16), ("smlnet_lite_blind_x4", 0)],
)
def test_recipe_that_starts_from_shipped_weights_trains_their_network(recipe, consistency):
    config = from_config_dict(importlib.import_module(f"configs.{recipe}").get_config())
    theirs = load_card(config.train.init).model
    assert config.model == dataclasses.replace(theirs, consistency=consistency)
    assert pretrained_params(config.train.init, create(config.model))


def test_weights_of_another_network_are_taken_as_far_as_they_fit(workdir):
    wider = create(dataclasses.replace(NARROW, fusion="none"))  # with MFEB, which theirs has not
    fresh = jax.tree.map(lambda leaf: leaf + 7, wider.init(jax.random.key(0)))
    params, sentence = fitting_params(str(workdir), wider, fresh)
    chex.assert_trees_all_equal_shapes(params, fresh)
    chex.assert_trees_all_equal(params["encoder"]["0"]["msim"], fresh["encoder"]["0"]["msim"])
    assert {float(leaf.max()) for leaf in jax.tree.leaves(params["encoder"]["0"]["blocks"])} == {1.0}
    share = create(NARROW).param_count() / wider.param_count()
    assert sentence.startswith(f"{share:.1%} of the parameters are from {workdir}; ")
    theirs = jax.eval_shape(create(NARROW).init, jax.random.key(0))
    assert sentence.endswith(f"{len(jax.tree.leaves(fresh)) - len(jax.tree.leaves(theirs))} arrays are new")


def test_weights_of_which_none_fits_are_refused(workdir):
    fresh = jax.tree.map(lambda leaf: jnp.zeros((*leaf.shape, 1)), create(NARROW).init(jax.random.key(0)))
    with pytest.raises(UserError, match="has no parameter that this network has too"):
        fitting_params(str(workdir), create(NARROW), fresh)


def test_weights_without_symmetry_mean_nothing_to_a_network_that_has_it(workdir):
    mirrored = create(dataclasses.replace(NARROW, mirror=True))
    with pytest.raises(UserError, match=r"holds weights without model\.mirror"):
        fitting_params(str(workdir), mirrored, mirrored.init(jax.random.key(0)))


@pytest.mark.parametrize(("devices", "fsdp"), [(1, False), (8, True)])
def test_state_starts_from_them_where_it_will_live(devices, fsdp):
    params = jax.device_get(THREE.init(jax.random.key(7)))
    abstract = abstract_state(THREE, TX, data_mesh(jax.devices()[:devices]), fsdp=fsdp)
    state = started_from(params, TX, abstract)
    chex.assert_trees_all_equal(jax.device_get(state), jax.device_get(initial_state(params, TX)))
    for leaf, like in zip(jax.tree.leaves(state), jax.tree.leaves(abstract), strict=True):
        assert leaf.sharding.is_equivalent_to(like.sharding, leaf.ndim)


@pytest.mark.usefixtures("small_network")
def test_run_starts_from_what_fits(faces_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        loop,
        "fitting_params",
        lambda what, model, fresh: (jax.tree.map(jnp.zeros_like, fresh), "half of it fits"),
    )
    still = {"lr": 1e-9, "warmup_steps": 0}
    config = config_of(faces_folder, steps=1, init="runs/before", init_part=True, optim=still)
    run(config, tmp_path)
    assert all(abs(leaf).max() < 1e-6 for leaf in jax.tree.leaves(saved_state(tmp_path, 1).params))
    assert "half of it fits" in capsys.readouterr().err


@pytest.mark.usefixtures("small_network")
def test_run_starts_from_them_once_and_goes_on_from_its_own(faces_folder, tmp_path, monkeypatch, capsys):
    asked = []
    theirs = jax.device_get(THREE.init(jax.random.key(7)))
    monkeypatch.setattr(loop, "pretrained_params", lambda what, model: asked.append(what) or theirs)
    config = config_of(faces_folder, steps=2, init="runs/before", optim={"lr": 1e-9, "warmup_steps": 0})
    run(config, tmp_path, stop_at=1)
    chex.assert_trees_all_close(saved_state(tmp_path, 1).params, theirs, atol=1e-7)
    assert "starting from the weights of runs/before" in capsys.readouterr().err
    run(config, tmp_path)
    assert asked == ["runs/before"]
