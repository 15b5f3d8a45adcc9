"""`smlnet_test` itself: the numbers of its first steps, what it moves between devices, and that it learns.

Golden numbers. They change with the network, its initialisation, the loss, the optimizer and the generated
faces, and with nothing else: not with a refactoring, a faster kernel or another CPU. When a change is meant
to move them, run `pytest -m slow tests/training/test_golden.py`, read the new numbers in the message, see
that each moved the way it was meant to, put them in GOLDEN, and say so in the commit message. Otherwise a
failure is a bug.
"""

import chex
import jax
import numpy as np
import pytest

from smlnet_jax import create
from tests.training.bench import Bench, config_of, traffic

pytestmark = pytest.mark.slow  # the whole network's training step compiles for a minute

ONE = {
    "loss": 0.284297, "l1": 0.137323, "l1_fre": 0.137323, "spectral": 0.965003, "psnr": 15.35482,
    "grad_norm": 0.0807969,
}  # fmt: skip
THREE = {
    "loss": 0.283043, "l1": 0.136041, "l1_fre": 0.137251, "spectral": 0.975132, "psnr": 15.36527,
    "grad_norm": 0.342334,
}  # fmt: skip
GOLDEN = {1: (ONE, 1e-4), 3: (THREE, 1e-2)}  # and their relative tolerance: roundings add up
UNCHANGING = ("lr", "bad_in_row", "bad_total")


@pytest.fixture(scope="module")
def bench():
    config = config_of(steps=1000, optim={"lr": 4e-3, "warmup_steps": 3})
    return Bench(create(config.model), config, devices=8)


@pytest.fixture(scope="module")
def lesson(bench, images):
    """The metrics of thirty updates on one batch, and the state after them."""
    state, metrics = bench.fresh(), []
    for _ in range(30):
        state, newest = bench.update(state, images)
        metrics.append(newest)
    return jax.device_get((metrics, state))


@pytest.mark.parametrize("step", GOLDEN)
def test_first_steps_give_the_golden_numbers(lesson, step):
    golden, tolerance = GOLDEN[step]
    found = {name: float(value) for name, value in lesson[0][step - 1].items() if name not in UNCHANGING}
    said = f"step {step} gave {found}; is it meant to? See the top of {__file__}"
    assert found.keys() == golden.keys(), said
    np.testing.assert_allclose([found[name] for name in golden], [*golden.values()], tolerance, err_msg=said)


def test_network_learns_one_batch_by_heart(lesson):
    metrics, state = lesson
    bicubic = metrics[0]["psnr"]  # the tails start at zero
    assert metrics[-1]["psnr"] > bicubic + 2
    chex.assert_tree_all_finite((metrics, state.params, state.opt_state, state.ema))
    assert state.bad_total == 0


def test_data_parallel_step_has_no_all_gather(bench):
    """Gradients and means alone are reduced: nothing of the size of an image leaves its device."""
    moved = traffic(bench.compiled)
    parameters = [leaf.size for leaf in jax.tree.leaves(bench.abstract.params)]
    assert moved.keys() == {"all-reduce"}
    assert max(moved["all-reduce"]) == max(parameters)
    assert sum(moved["all-reduce"]) <= sum(parameters) + 5  # loss and its terms, PSNR
