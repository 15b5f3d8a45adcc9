"""train.py as its user meets it: started, killed, interrupted, started again, and given nonsense."""

import signal

import chex
import pytest

from tests.training.bench import rows
from tests.training.command import checkpoint


def test_run_survives_kill_sigterm_and_ctrl_c_and_is_the_run_that_was_left_alone(command, tmp_path):
    flags = (*command.flags, "--config.train.steps=100000")
    killed = (*flags, f"--workdir={tmp_path / 'killed'}")

    # The save of step 6 waits until that of step 3 is on disk.
    code, _ = command.signal_at("step 8/", signal.SIGKILL, *killed)
    assert code == -signal.SIGKILL
    saved, state = checkpoint(tmp_path / "killed")
    assert saved >= 3 and int(state.step) == saved

    for name in ("SIGTERM", "SIGINT"):
        code, said = command.signal_at(f"step {saved + 2:,}/", signal.Signals[name], *killed)
        assert code == 0, said
        assert f"going on from step {saved:,}" in said
        assert f"{name}: stopping after this step" in said
        saved, state = checkpoint(tmp_path / "killed")
        assert f"stopped at step {saved:,} and saved; the same command goes on from there" in said
        assert "Traceback" not in said

    whole = (*command.flags, f"--config.train.steps={saved}", f"--workdir={tmp_path / 'whole'}")
    assert command.finish(*whole)[0] == 0
    chex.assert_trees_all_equal(checkpoint(tmp_path / "whole")[1], state)
    assert rows(tmp_path / "killed") == rows(tmp_path / "whole")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--config.trian.steps=3"], "error: config.trian is unknown; did you mean train?"),
        (["--config.data.train=nowhere"], "error: nowhere is not there; give a folder of face images"),
    ],
)
def test_mistake_is_one_sentence_and_an_exit_code(command, tmp_path, flags, sentence):
    code, said = command.finish(*command.flags, f"--workdir={tmp_path}", *flags)
    assert code == 2
    assert said.splitlines()[-1].startswith(sentence)
    assert "Traceback" not in said


def test_workdir_of_another_model_is_one_sentence_and_stays_as_it_is(command, tmp_path):
    workdir = f"--workdir={tmp_path}"
    assert command.finish(*command.flags, workdir, "--config.train.steps=2")[0] == 0
    before = checkpoint(tmp_path)
    other = "--config.model.res_blocks=2"
    code, said = command.finish(*command.flags, workdir, "--config.train.steps=4", other)
    assert code == 2
    assert f"error: {tmp_path} holds a run with model.res_blocks=1" in said
    chex.assert_trees_all_equal(checkpoint(tmp_path), before)
