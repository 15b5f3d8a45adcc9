"""Checkpoints: whole or not at all, apart by item, the latest and the best, and read back anywhere."""

import contextlib
import dataclasses
import json
import resource
import shutil
from types import SimpleNamespace

import chex
import jax
import numpy as np
import pytest

from smlnet_jax import create
from smlnet_jax.config import from_config_dict
from smlnet_jax.errors import UserError
from smlnet_jax.models.config import VARIANTS
from smlnet_jax.training.checkpoint import Checkpoints, load_weights
from smlnet_jax.training.optimizer import transformation
from smlnet_jax.training.sharding import data_mesh
from smlnet_jax.training.state import abstract_state, initial_state
from tests.training.bench import THREE, config_of

TX = transformation(config_of().optim)


def state_at(step: int, model=THREE):
    """A state that nobody trained, different at every step."""
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    rng = np.random.default_rng(step)
    params = jax.tree.map(lambda x: jax.numpy.asarray(rng.normal(size=x.shape), x.dtype), shapes)
    return initial_state(params, TX)._replace(step=jax.numpy.asarray(step, jax.numpy.int32))


def abstract(devices: int = 1, *, fsdp: bool = False):
    return abstract_state(THREE, TX, data_mesh(jax.devices()[:devices]), fsdp=fsdp)


def save(workdir, psnr_of_step: dict, keep: int = 1):
    with Checkpoints(workdir, keep) as checkpoints:
        for step, psnr in psnr_of_step.items():
            checkpoints.save(step, state_at(step), config_of())
            if psnr is not None:
                checkpoints.score(step, psnr)


@contextlib.contextmanager
def files_of_at_most(size: int):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def kept(workdir) -> set[str]:
    return {path.name for path in (workdir / "checkpoints").iterdir() if path.is_dir()}


def test_items_lie_apart(tmp_path):
    save(tmp_path, {5: 20.0})
    items = {path.name for path in (tmp_path / "checkpoints" / "5").iterdir() if path.is_dir()}
    assert items >= {"params", "opt_state", "ema", "counters", "data", "config"}


def test_state_config_and_position_come_back(tmp_path):
    save(tmp_path, {5: 20.0})
    with Checkpoints(tmp_path, read_only=True) as checkpoints:
        chex.assert_trees_all_equal(checkpoints.restore(5, abstract()), state_at(5))
        assert checkpoints.next_batch(5) == 5
        assert checkpoints.val_psnr(5) == 20.0
        assert from_config_dict(checkpoints.config(5)) == config_of()


@pytest.mark.parametrize(("devices", "fsdp"), [(8, False), (8, True), (2, True)])
def test_state_comes_back_laid_out_as_it_is_asked_for(tmp_path, devices, fsdp):
    save(tmp_path, {5: None})
    target = abstract(devices, fsdp=fsdp)
    with Checkpoints(tmp_path, read_only=True) as checkpoints:
        state = checkpoints.restore(5, target)
    chex.assert_trees_all_equal(jax.device_get(state), jax.device_get(state_at(5)))
    for leaf, like in zip(jax.tree.leaves(state), jax.tree.leaves(target), strict=True):
        assert leaf.sharding.is_equivalent_to(like.sharding, leaf.ndim)


def test_latest_ones_and_the_best_are_kept(tmp_path):
    save(tmp_path, {1: 20.0, 2: 22.0, 3: None, 4: 21.0, 5: None, 6: None}, keep=2)
    assert kept(tmp_path) == {"2", "5", "6"}
    with Checkpoints(tmp_path, read_only=True) as checkpoints:
        assert (checkpoints.latest_step(), checkpoints.best_step()) == (6, 2)


def test_validation_that_gave_no_number_is_not_the_best(tmp_path):
    save(tmp_path, {1: 20.0, 2: float("nan"), 3: None})
    with Checkpoints(tmp_path, read_only=True) as checkpoints:
        assert checkpoints.best_step() == 1
        assert checkpoints.val_psnr(3) is None and not checkpoints.is_scored(3)
    save(tmp_path, {4: float("nan")})
    with Checkpoints(tmp_path, read_only=True) as checkpoints:
        assert checkpoints.val_psnr(4) is None and checkpoints.is_scored(4)


def test_checkpoint_whose_deletion_was_killed_goes_with_the_next(tmp_path):
    save(tmp_path, {1: None, 2: None}, keep=2)
    for item in ("metrics", "params"):
        shutil.rmtree(tmp_path / "checkpoints" / "1" / item)
    save(tmp_path, {3: None, 4: 20.0, 5: None, 6: None}, keep=2)
    assert kept(tmp_path) == {"4", "5", "6"}


def test_step_that_is_there_is_left_alone(tmp_path):
    save(tmp_path, {5: 20.0})
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(5, state_at(6), config_of())
    with Checkpoints(tmp_path, read_only=True) as checkpoints:
        assert checkpoints.val_psnr(5) == 20.0
        state = checkpoints.restore(5, abstract())
    chex.assert_trees_all_equal(jax.device_get(state.params), jax.device_get(state_at(5).params))


def test_checkpoint_that_was_kept_is_scored_later(tmp_path):
    """A run that was stopped before it validated."""
    save(tmp_path, {1: 20.0, 2: None})
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.val_psnr(2) is None and checkpoints.best_step() == 1
        checkpoints.score(2, 21.0)
        assert checkpoints.best_step() == 2
    assert kept(tmp_path) == {"2"}  # the best until then is no longer needed
    save(tmp_path, {3: None})
    assert kept(tmp_path) == {"2", "3"}


def test_half_written_checkpoint_is_not_seen_and_cleared_away(tmp_path):
    save(tmp_path, {5: 20.0})
    (tmp_path / "checkpoints" / "9.orbax-checkpoint-tmp").mkdir()
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.latest_step() == 5
    save(tmp_path, {6: 19.0})  # clearing goes on beside training; a save waits for it
    assert kept(tmp_path) == {"5", "6"}


def test_damaged_checkpoint_is_named_with_what_to_do(tmp_path):
    save(tmp_path, {5: 20.0})
    for path in (tmp_path / "checkpoints" / "5" / "params").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    sentence = r"checkpoints/5 cannot be read .* delete that folder"
    with Checkpoints(tmp_path, read_only=True) as checkpoints, pytest.raises(UserError, match=sentence):
        checkpoints.restore(5, abstract())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of storage, in its threads
def test_disk_that_is_full_leaves_the_last_checkpoint_intact(tmp_path):
    """A limit on the size of files stands in for the disk: storage fails in the same place."""
    save(tmp_path, {5: 20.0})
    with files_of_at_most(2048), pytest.raises(UserError, match="complete ones are intact: free") as caught:
        save(tmp_path, {6: 21.0})
    assert "\n" not in str(caught.value)
    with Checkpoints(tmp_path) as checkpoints:  # the same command, started again
        assert checkpoints.latest_step() == 5
        chex.assert_trees_all_equal(checkpoints.restore(5, abstract()), state_at(5))


def test_disk_without_space_for_another_checkpoint_is_said_before_anything_is_written(tmp_path, monkeypatch):
    save(tmp_path, {5: 20.0})
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**6))
    with pytest.raises(UserError, match=r"has 1.0 MB of free space and a checkpoint may take 1\.\d;"):
        save(tmp_path, {6: 21.0})
    assert kept(tmp_path) == {"5"}


def test_workdir_that_is_a_file_is_said_in_a_sentence(tmp_path):
    (tmp_path / "W").write_text("")
    with pytest.raises(UserError, match=r"W/checkpoints cannot be opened"):
        Checkpoints(tmp_path / "W")


def test_averaged_weights_of_the_best_checkpoint_are_loaded(tmp_path):
    narrow = {"spat_widths": (4,) * 4, "freq_widths": (8,) * 4, "branches": "spatial"}
    config = dataclasses.replace(config_of(), model=dataclasses.replace(VARIANTS["smlnet_test"], **narrow))
    model = create(config.model)
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        for step, psnr in ((1, 22.0), (2, 21.0)):
            state = state_at(step, model)
            shifted = jax.tree.map(lambda x, step=step: x + step, state.params)
            checkpoints.save(step, state._replace(ema=shifted), config)
            checkpoints.score(step, psnr)
    for which, step in (("best", 1), ("latest", 2)):
        model_config, params, info = load_weights(tmp_path, which)
        assert model_config == config.model
        chex.assert_trees_all_equal(
            params, jax.tree.map(lambda x, step=step: x + step, state_at(step, model).params)
        )
        assert info["step"] == step and info["val_psnr"] == {1: 22.0, 2: 21.0}[step]
        assert json.loads(json.dumps(info["config"])) == info["config"]


def test_weights_of_no_run_are_refused(tmp_path):
    with pytest.raises(UserError, match="holds no checkpoints; give the --workdir of a training run"):
        load_weights(tmp_path)
    with Checkpoints(tmp_path):
        pass
    with pytest.raises(UserError, match="no complete checkpoint yet"):
        load_weights(tmp_path)
    with pytest.raises(UserError, match="choose best or latest"):
        load_weights(tmp_path, "newest")


def test_reading_is_silent(tmp_path, caplog):
    save(tmp_path, {5: 20.0})
    caplog.clear()
    with caplog.at_level("WARNING"), Checkpoints(tmp_path, read_only=True) as checkpoints:
        assert checkpoints.latest_step() == 5
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
