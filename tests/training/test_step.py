"""One update as a pure function: what it changes, what it leaves alone, and that it is compiled once."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from smlnet_jax import create
from smlnet_jax.models.config import VARIANTS
from smlnet_jax.training import step as step_module
from smlnet_jax.training.state import started_from
from smlnet_jax.training.step import jit_step
from tests.training.bench import THREE, Bench, config_of


@pytest.fixture(scope="module")
def bench():
    return Bench(THREE, config_of())


def gradients(state, b1=0.9):
    """What Adam saw at the first update."""
    return jax.tree.map(lambda mu: mu / (1 - b1), state.opt_state[1].mu)


def test_update_changes_every_parameter_and_counts(bench, images):
    before = jax.device_get(bench.fresh())
    after, metrics = bench.run(1, images)
    for (path, old), new in zip(
        jax.tree.leaves_with_path(before.params), jax.tree.leaves(after.params), strict=True
    ):
        assert (old != new).any(), path
    assert (after.step, after.bad_in_row, after.bad_total) == (1, 0, 0)
    assert metrics.keys() == {
        "loss", "l1", "l1_fre", "spectral", "psnr", "grad_norm", "lr", "bad_in_row", "bad_total",
    }  # fmt: skip
    chex.assert_tree_all_finite((after.params, after.opt_state, after.ema, metrics))


def test_update_is_adam_with_the_learning_rate_of_the_step(bench, images):
    before = jax.device_get(bench.fresh())
    after, metrics = bench.run(1, images)
    np.testing.assert_allclose(metrics["lr"], 1e-3, rtol=1e-6)  # six steps: a warm-up of none
    expected = jax.tree.map(lambda p, g: p - 1e-3 * g / (np.abs(g) + 1e-8), before.params, gradients(after))
    chex.assert_trees_all_close(after.params, expected, atol=1e-6)


def test_average_is_a_blend_of_old_and_new_parameters(bench, images):
    before = jax.device_get(bench.fresh())
    after, _ = bench.run(1, images)
    expected = jax.tree.map(lambda old, new: 0.1 * old + 0.9 * new, before.params, after.params)
    chex.assert_trees_all_close(after.ema, expected, rtol=1e-5, atol=1e-7)  # (1 + 0) / (10 + 0) of the old


def test_same_seed_and_batch_give_the_same_bits(bench, images):
    chex.assert_trees_all_equal(bench.run(2, images), bench.run(2, images))


def test_step_gives_up_the_memory_of_the_old_state(bench, images):
    state = bench.fresh()
    bench.update(state, images)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state.params))


def test_gradient_is_clipped_by_its_norm_and_reported_before(images):
    state, metrics = Bench(THREE, config_of(optim={"clip": 1e-3})).run(1, images)
    assert metrics["grad_norm"] > 1e-2
    np.testing.assert_allclose(optax.tree.norm(gradients(state)), 1e-3, rtol=1e-4)


def test_without_clipping_adam_sees_the_whole_gradient(images):
    state, metrics = Bench(THREE, config_of(optim={"clip": 0.0})).run(1, images)
    np.testing.assert_allclose(optax.tree.norm(gradients(state)), metrics["grad_norm"], rtol=1e-4)


@pytest.mark.parametrize(("devices", "accumulate"), [(1, 4), (2, 2)])
def test_accumulated_gradient_equals_that_of_the_whole_batch(bench, images, devices, accumulate):
    whole, metrics = bench.run(1, images)
    parts, parts_metrics = Bench(THREE, config_of(accumulate=accumulate), devices).run(1, images)
    chex.assert_trees_all_close(gradients(parts), gradients(whole), rtol=1e-4, atol=1e-6)
    chex.assert_trees_all_close(parts_metrics, metrics, rtol=1e-4)


def test_update_that_is_not_finite_is_skipped_and_counted(bench, images):
    good = jax.device_get(bench.fresh())
    broken = jax.tree.map(jnp.asarray, good)
    broken.params["head"]["kernel"] = broken.params["head"]["kernel"].at[0, 0, 0, 0].set(jnp.nan)
    kept = jax.device_get(broken)
    once, metrics = bench.update(jax.device_put(kept, bench.abstract.step.sharding), images)
    assert not np.isfinite(metrics["loss"])
    twice, _ = bench.update(once, images)
    twice = jax.device_get(twice)
    for part in ("params", "opt_state", "ema"):
        chex.assert_trees_all_equal(getattr(twice, part), getattr(kept, part))
    assert (twice.step, twice.bad_in_row, twice.bad_total) == (2, 2, 2)

    mended = jax.device_put(twice._replace(params=good.params), bench.abstract.step.sharding)
    after = jax.device_get(bench.update(mended, images)[0])
    assert (after.step, after.bad_in_row, after.bad_total) == (3, 0, 2)


def test_step_is_traced_once_for_fresh_returned_and_warm_started_states(bench, images, monkeypatch):
    monkeypatch.setattr(step_module, "train_step", chex.assert_max_traces(step_module.train_step, n=1))
    with jax.set_mesh(bench.mesh):
        update = jit_step(bench.model, bench.tx, bench.config, bench.abstract)
        state, placed = bench.fresh(), bench.place(images)
        for _ in range(3):
            state, _ = update(state, placed)
        again = started_from(jax.device_get(state.params), bench.tx, bench.abstract)
        update(again, placed)
        assert update._cache_size() == 1


def test_bfloat16_step_keeps_float32_state_and_learns(images):
    narrow = {"spat_widths": (4,) * 4, "freq_widths": (8,) * 4, "branches": "spatial"}
    config = config_of(optim={"lr": 3e-3})
    config = dataclasses.replace(
        config, model=dataclasses.replace(VARIANTS["smlnet_test"], **narrow, dtype="bfloat16")
    )
    bench = Bench(create(config.model), config)
    _, first = bench.run(1, images)
    state, last = bench.run(6, images)
    assert {leaf.dtype for leaf in jax.tree.leaves((state.params, state.ema))} == {jnp.dtype("float32")}
    chex.assert_tree_all_finite((state.params, last))
    assert last["loss"] < first["loss"]
