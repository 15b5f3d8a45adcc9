"""A run that no longer gives finite numbers stops, and says where, on what, and in which module."""

import re

import chex
import pytest

from smlnet_jax.errors import UserError
from tests.training.bench import config_of, rows, run, saved_state

pytestmark = pytest.mark.usefixtures("small_network")


@pytest.fixture(scope="module")
def stopped(faces_folder, tmp_path_factory):
    """A learning rate that throws the parameters out of range at the first step, and what came of it."""
    workdir = tmp_path_factory.mktemp("diverged")
    config = config_of(
        faces_folder, steps=50, max_bad_steps=3, save_every=3, optim={"lr": 1e30, "warmup_steps": 0}
    )
    with pytest.raises(UserError) as caught:
        run(config, workdir)
    return workdir, str(caught.value)


def test_run_stops_after_so_many_bad_updates_in_a_row(stopped):
    workdir, sentence = stopped
    assert "not finite in 3 updates in a row, the last at step 4" in sentence
    assert [row["bad_in_row"] for row in rows(workdir)] == [0, 1, 2, 3]
    assert rows(workdir)[-1]["loss"] is None  # JSON has no NaN


def test_error_names_files_module_and_what_is_left(stopped, faces_folder):
    _, sentence = stopped
    names = {path.name for path in faces_folder.iterdir()}
    assert len(names & set(re.findall(r"\d+\.png", sentence))) == 8
    assert re.search(r"first module with such an output was body, on \d+\.png", sentence)
    assert "the checkpoint of step 3 is intact" in sentence
    assert "lower --config.optim.lr" in sentence


def test_last_checkpoint_is_intact_and_holds_finite_numbers(stopped):
    workdir, _ = stopped
    state = saved_state(workdir, 3)
    assert (int(state.bad_in_row), int(state.bad_total)) == (2, 2)
    chex.assert_tree_all_finite((state.params, state.opt_state, state.ema))


def test_first_steps_without_a_checkpoint_say_so(faces_folder, tmp_path):
    config = config_of(faces_folder, max_bad_steps=1, optim={"lr": 1e30, "warmup_steps": 0})
    with pytest.raises(UserError, match="there is no checkpoint yet"):
        run(config, tmp_path)
