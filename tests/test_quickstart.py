"""`smlnet quickstart` calls what train.py and eval.py call, in halves, and stops where it is told to."""

import argparse
import dataclasses
import functools

import jax
import pytest

from smlnet_jax import compilation, create, quickstart
from smlnet_jax.config import to_dict
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation import run as evaluation
from smlnet_jax.models.config import VARIANTS
from smlnet_jax.training import checkpoint, loop
from smlnet_jax.training.optimizer import transformation
from smlnet_jax.training.state import initial_state
from smlnet_jax.training.step import Images, train_step


@pytest.fixture
def called(monkeypatch):
    """What was trained up to, and what was scored; training takes no time, and reaches `called.limit`."""
    calls = argparse.Namespace(steps=[], scored=[], limit=10**9)
    monkeypatch.setattr(compilation, "keep_compilations", lambda: None)
    monkeypatch.setattr(loop, "train", lambda config, _: calls.steps.append(config.train.steps))
    monkeypatch.setattr(evaluation, "run", lambda config, _: calls.scored.append(config.eval.data))
    monkeypatch.setattr(quickstart, "reached", lambda _: min(max(calls.steps, default=0), calls.limit))
    return calls


def _run(workdir, *flags: str) -> int:
    parser = argparse.ArgumentParser()
    quickstart.configure(parser)
    return quickstart.run(parser.parse_args([*flags, f"--workdir={workdir}"]))


def test_trains_half_goes_on_scores_and_says_where_the_picture_is(called, tmp_path, capsys):
    assert _run(tmp_path, "--steps=50") == 0
    assert called.steps == [25, 50]
    assert called.scored == ["val=astronaut:val"]
    assert f"look at {tmp_path / 'eval' / 'val.png'}" in capsys.readouterr().out


def test_run_that_a_signal_stopped_is_not_gone_on_with_and_not_scored(called, tmp_path):
    called.limit = 10
    assert _run(tmp_path, "--steps=50") == 0
    assert called.steps == [25] and not called.scored


def test_folders_of_ones_own_are_what_is_trained_and_scored_on(called, tmp_path):
    assert _run(tmp_path, "--train=A", "--val=B") == 0
    assert called.scored == ["val=B"]
    assert quickstart.recipe("A", "B", 4).data.train == "A"


def test_workdir_of_other_faces_is_refused(called, tmp_path, monkeypatch):
    before = to_dict(quickstart.recipe("astronaut:train", "astronaut:val", 4))
    monkeypatch.setattr(checkpoint.Checkpoints, "latest_step", lambda self: 4)
    monkeypatch.setattr(checkpoint.Checkpoints, "config", lambda self, step: before)
    with pytest.raises(UserError, match="holds a quick start with --train astronaut:train; give another"):
        _run(tmp_path, "--train=A", "--val=B")
    assert not called.steps and not called.scored


def test_what_is_trained_already_is_scored_again(called, tmp_path, capsys):
    called.steps.append(50)
    assert _run(tmp_path, "--steps=50") == 0
    assert called.steps == [50, 50] and called.scored == ["val=astronaut:val"]
    assert f"nothing to do: {tmp_path} has it" in capsys.readouterr().out


def test_no_steps_at_all_are_refused(called, tmp_path):
    with pytest.raises(UserError, match=r"train\.steps=0 must be above 0"):
        _run(tmp_path, "--steps=0")
    assert not called.steps


def test_second_half_runs_the_program_of_the_first():
    """Or its training step would be compiled twice, for a minute or two each."""
    narrow = dataclasses.replace(VARIANTS["smlnet_test"], spat_widths=(4,) * 4, branches="spatial")

    def program(config):
        config = dataclasses.replace(config, model=narrow)
        model, tx = create(narrow), transformation(config.optim)
        state = jax.eval_shape(lambda: initial_state(model.init(jax.random.key(0)), tx))
        images = Images(*(jax.ShapeDtypeStruct((8, side, side, 3), "uint8") for side in (128, 16)))
        step = functools.partial(train_step, model=model, tx=tx, config=config)
        return str(jax.make_jaxpr(step)(state, images))

    first, second = (program(part) for part in quickstart.halves(quickstart.recipe("A", "B", 200)))
    assert first == second
