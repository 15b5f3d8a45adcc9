"""Learning rate and averaging are functions of the step."""

import jax.numpy as jnp
import numpy as np
import pytest

from smlnet_jax.config import OptimConfig
from smlnet_jax.training.optimizer import MUON_RMS, ema_decay, learning_rate, transformation

CONFIG = OptimConfig(lr=2e-4, final_lr=1e-6, warmup_steps=100)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 2e-6),  # a hundredth, not nothing
        (49, 1e-4),
        (99, 2e-4),  # the top
        (100, 2e-4),
        (1050, (2e-4 + 1e-6) / 2),  # half-way between warm-up and end, to half a step
        (1999, 1e-6),  # the last update
        (5000, 1e-6),
    ],
)
def test_learning_rate_warms_up_then_falls_as_a_cosine(step, expected):
    np.testing.assert_allclose(learning_rate(jnp.asarray(step), CONFIG, 2000), expected, rtol=2e-3)


def test_short_run_warms_up_for_a_tenth_of_itself():
    rates = [float(learning_rate(jnp.asarray(step), CONFIG, 50)) for step in range(50)]
    np.testing.assert_allclose(rates[3:6], [1.6e-4, 2e-4, 2e-4], rtol=1e-5)
    assert rates[6] < rates[5]


@pytest.mark.parametrize("steps", [1, 2])
def test_run_of_a_step_or_two_has_a_learning_rate(steps):
    for step in range(steps):
        assert 0 < learning_rate(jnp.asarray(step), CONFIG, steps) <= CONFIG.lr * (1 + 1e-6)


def test_constant_schedule_stays_after_the_warm_up():
    config = OptimConfig(lr=1e-4, schedule="constant", warmup_steps=10)
    np.testing.assert_allclose([learning_rate(jnp.asarray(s), config, 500) for s in (9, 10, 250, 499)], 1e-4)


def test_average_forgets_fast_at_first_and_slowly_later():
    decays = [float(ema_decay(jnp.asarray(step), OptimConfig(ema=0.999))) for step in (0, 90, 10**6)]
    np.testing.assert_allclose(decays, [0.1, 0.91, 0.999], rtol=1e-6)


def test_average_that_is_off_is_the_newest_parameters():
    assert ema_decay(jnp.asarray(500), OptimConfig(ema=0.0)) == 0


def test_muon_steps_along_the_nearest_orthogonal_matrix():
    rng = np.random.default_rng(0)
    gradient = {"kernel": rng.normal(size=(3, 3, 8, 16)).astype(np.float32)}
    tx = transformation(OptimConfig(name="muon", clip=0))
    direction, _ = tx.update(gradient, tx.init(gradient), gradient)
    matrix = np.asarray(direction["kernel"]).reshape(72, 16)

    left, _, right = np.linalg.svd(gradient["kernel"].reshape(72, 16), full_matrices=False)
    nearest = left @ right
    cosine = np.sum(matrix * nearest) / np.linalg.norm(matrix) / np.linalg.norm(nearest)
    assert cosine > 0.95  # five Newton-Schulz iterations: singular values within 0.7 and 1.2, not 1
    np.testing.assert_allclose(np.sqrt(np.mean(matrix**2)), MUON_RMS, rtol=0.2)


def test_muon_leaves_to_adam_what_is_no_matrix():
    shapes = {
        "conv": (3, 3, 8, 8),
        "depthwise": (5, 5, 1, 32),
        "head": (3, 3, 3, 64),
        "slope": (),
        "bias": (8,),
    }
    gradient = {name: np.full(shape, 2.0, np.float32) for name, shape in shapes.items()}
    directions = {
        name: tx.update(gradient, tx.init(gradient), gradient)[0]
        for name in ("adam", "muon")
        for tx in [transformation(OptimConfig(name=name, clip=0))]
    }
    for name in ("depthwise", "head", "slope", "bias"):
        np.testing.assert_allclose(directions["muon"][name], directions["adam"][name], rtol=1e-6)
    assert not np.allclose(directions["muon"]["conv"], directions["adam"]["conv"], rtol=0.1)
