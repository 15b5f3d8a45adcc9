"""A run that was stopped and started again is the run that was not, to the bit."""

import dataclasses
import shutil

import chex
import jax
import pytest

from smlnet_jax.config import Config, OptimConfig
from smlnet_jax.errors import UserError
from smlnet_jax.training import loop
from smlnet_jax.training.checkpoint import Checkpoints
from smlnet_jax.training.lock import alone_in
from smlnet_jax.training.resume import MAY_CHANGE, check_same_run
from tests.training.bench import config_of, rows, run, saved_state

pytestmark = pytest.mark.usefixtures("small_network")


@pytest.fixture(scope="module")
def uninterrupted(faces_folder, tmp_path_factory):
    """A workdir in which six steps were taken at one go."""
    workdir = tmp_path_factory.mktemp("uninterrupted")
    assert run(config_of(faces_folder), workdir) == 0
    return workdir


def saved_step(workdir):
    with Checkpoints(workdir, read_only=True) as checkpoints:
        return checkpoints.latest_step()


def best_step(workdir):
    with Checkpoints(workdir, read_only=True) as checkpoints:
        return checkpoints.best_step()


@pytest.fixture
def read_names(monkeypatch):
    """File names of every batch that a run takes."""
    names, original = [], loop.training_batches

    def recorded(*args, **kwargs):
        for batch in original(*args, **kwargs):
            names.append(batch.names)
            yield batch

    monkeypatch.setattr(loop, "training_batches", recorded)
    return names


@pytest.mark.parametrize("stop_at", [1, 4, 5])
def test_resumed_run_equals_uninterrupted_run(uninterrupted, faces_folder, tmp_path, stop_at):
    config = config_of(faces_folder, save_every=4)  # stopped before, at and after a save
    assert run(config, tmp_path, stop_at=stop_at) == 0
    assert rows(tmp_path)[-1]["step"] == stop_at
    assert run(config, tmp_path) == 0
    chex.assert_trees_all_equal(saved_state(tmp_path, 6), saved_state(uninterrupted, 6))
    assert rows(tmp_path) == rows(uninterrupted)


@pytest.mark.parametrize("stop_at", [2, 6])
def test_run_that_is_stopped_where_it_validates_saves_and_validates_when_it_goes_on(
    faces_folder, tmp_path, monkeypatch, stop_at
):
    config = config_of(faces_folder, val_every=2)
    assert run(config, tmp_path / "whole") == 0

    validate = loop.validate

    def killed(*given):
        if given[-1].name == f"step_{stop_at:07d}.png":
            raise KeyboardInterrupt
        return validate(*given)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "validate", killed)
        if stop_at < 6:
            assert run(config, tmp_path / "parts", stop_at=stop_at) == 0  # validation did not hold it up
        else:
            with pytest.raises(KeyboardInterrupt):
                run(config, tmp_path / "parts")
    assert saved_step(tmp_path / "parts") == stop_at
    assert run(config, tmp_path / "parts") == 0
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")
    chex.assert_trees_all_equal(saved_state(tmp_path / "parts", 6), saved_state(tmp_path / "whole", 6))
    assert best_step(tmp_path / "parts") == best_step(tmp_path / "whole")


def test_validation_that_fails_costs_no_step(faces_folder, tmp_path, monkeypatch):
    def damaged(*_):
        raise UserError("a.png is damaged")

    monkeypatch.setattr(loop, "validate", damaged)
    with pytest.raises(UserError, match=r"a\.png is damaged"):
        run(config_of(faces_folder, val_every=2), tmp_path)
    assert saved_step(tmp_path) == 2


def test_last_validation_that_gave_no_number_is_not_repeated(faces_folder, tmp_path, monkeypatch, capsys):
    names = ("psnr_sparnet", "ssim_sparnet", "bicubic_psnr_sparnet")
    monkeypatch.setattr(loop, "validate", lambda *_: {f"val/{name}": float("nan") for name in names})
    assert run(config_of(faces_folder, steps=2), tmp_path) == 0
    assert "done: step 2, in" in capsys.readouterr().err
    assert run(config_of(faces_folder, steps=2), tmp_path) == 0
    assert "nothing to do" in capsys.readouterr().err


def test_second_run_in_a_workdir_is_refused(faces_folder, tmp_path):
    with alone_in(tmp_path), pytest.raises(UserError, match="another process is training in"):
        run(config_of(faces_folder), tmp_path)
    assert not (tmp_path / "checkpoints").exists()


def test_faces_of_another_name_are_announced(uninterrupted, faces_folder, tmp_path, capsys):
    other = tmp_path / "others"
    shutil.copytree(faces_folder, other)
    run(config_of(faces_folder), tmp_path / "run", stop_at=1)
    assert run(config_of(other, steps=2), tmp_path / "run") == 0
    said = capsys.readouterr().err
    assert f"data.train was {faces_folder}" in said and f"data.val was {faces_folder}" in said
    config = config_of(other, steps=3)
    unvalidated = dataclasses.replace(config, data=dataclasses.replace(config.data, val=""))
    assert run(unvalidated, tmp_path / "run") == 0
    assert "data.val was" not in capsys.readouterr().err


@pytest.mark.parametrize("fsdp", [False, True])
def test_run_with_muon_resumes_to_the_bit(faces_folder, tmp_path, fsdp):
    config = config_of(faces_folder, steps=3, fsdp=fsdp, optim={"name": "muon"})
    assert run(config, tmp_path / "whole") == 0
    assert run(config, tmp_path / "parts", stop_at=2) == 0
    assert run(config, tmp_path / "parts") == 0
    whole, parts = (saved_state(tmp_path / name, 3, "muon") for name in ("whole", "parts"))
    chex.assert_trees_all_equal(parts, whole)


def test_crashed_run_goes_on_from_its_last_checkpoint(uninterrupted, faces_folder, tmp_path, monkeypatch):
    def crash(self, step):
        if step == 5:
            raise MemoryError("of the machine")

    config = config_of(faces_folder, save_every=2)
    monkeypatch.setattr(loop.Report, "dispatched", _then(loop.Report.dispatched, crash))
    with pytest.raises(MemoryError):
        run(config, tmp_path)
    monkeypatch.undo()
    assert run(config, tmp_path) == 0
    chex.assert_trees_all_equal(saved_state(tmp_path, 6), saved_state(uninterrupted, 6))
    assert rows(tmp_path) == rows(uninterrupted)  # no step is there twice


def _then(method, act):
    def both(self, step, *args):
        method(self, step, *args)
        act(self, step)

    return both


def test_resumed_run_reads_the_same_files_in_the_same_order(faces_folder, tmp_path, read_names):
    run(config_of(faces_folder), tmp_path / "whole")
    whole = list(read_names[:6])
    read_names.clear()
    run(config_of(faces_folder), tmp_path / "parts", stop_at=3)
    first = list(read_names[:3])
    read_names.clear()
    run(config_of(faces_folder), tmp_path / "parts")
    assert first + read_names[:3] == whole
    assert len({name for names in whole for name in names}) == 12  # the second epoch has begun


@pytest.mark.parametrize(("before", "after", "fsdp"), [(1, 8, True), (8, 1, False)])
def test_run_goes_on_on_another_number_of_devices(uninterrupted, faces_folder, tmp_path, before, after, fsdp):
    config = config_of(faces_folder, fsdp=fsdp)
    run(config, tmp_path, before, stop_at=3)
    assert run(config, tmp_path, after) == 0
    chex.assert_trees_all_close(
        saved_state(tmp_path, 6).params, saved_state(uninterrupted, 6).params, atol=5e-4
    )
    chex.assert_trees_all_close(
        [row["loss"] for row in rows(tmp_path) if "loss" in row],
        [row["loss"] for row in rows(uninterrupted) if "loss" in row],
        rtol=1e-3,
    )


def test_finished_run_says_so_and_changes_nothing(uninterrupted, faces_folder, capsys):
    before = (uninterrupted / "metrics.jsonl").read_text()
    assert run(config_of(faces_folder), uninterrupted) == 0
    assert "nothing to do" in capsys.readouterr().err
    assert (uninterrupted / "metrics.jsonl").read_text() == before


def test_longer_run_goes_on_from_a_finished_one(faces_folder, tmp_path):
    run(config_of(faces_folder, steps=2), tmp_path)
    assert run(config_of(faces_folder, steps=3), tmp_path) == 0
    assert [row["step"] for row in rows(tmp_path) if "loss" in row] == [1, 2, 3]


def test_workdir_of_another_model_is_refused_by_name_and_left_alone(uninterrupted, faces_folder):
    other = config_of(faces_folder, steps=9)
    other = dataclasses.replace(other, model=dataclasses.replace(other.model, spat_widths=(32,) * 4))
    with pytest.raises(UserError, match=r"holds a run with model.spat_widths=\(16.*another --workdir"):
        run(other, uninterrupted)
    assert int(saved_state(uninterrupted, 6).step) == 6


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"lr": 5e-4}, "optim.lr=0.001, and this config says 0.0005"),
        ({"seed": 3}, "train.seed=0, and this config says 3"),
        ({"batch_size": 16}, "train.batch_size=8, and this config says 16"),
        ({"init": "runs/elsewhere"}, "train.init='', and this config says 'runs/elsewhere'"),
    ],
)
def test_change_that_would_make_another_experiment_is_refused(change, sentence, tmp_path):
    recorded = dataclasses.asdict(config_of())
    config = config_of(optim=change) if "lr" in change else config_of(**change)
    with pytest.raises(UserError, match=sentence):
        check_same_run(recorded, config, tmp_path)


def test_what_may_change_is_in_the_config():
    known = {
        f"{section.name}.{field.name}"
        for section in dataclasses.fields(Config)
        for field in dataclasses.fields(getattr(Config(), section.name))
    }
    assert known >= MAY_CHANGE


def test_checkpoint_of_a_version_without_a_key_is_one_with_its_default(tmp_path):
    recorded = dataclasses.asdict(config_of())
    del recorded["train"]["init"]
    check_same_run(recorded, config_of(), tmp_path)
    assert OptimConfig() == Config().optim


def test_stopped_run_says_how_to_go_on(faces_folder, tmp_path, capsys):
    run(config_of(faces_folder), tmp_path, stop_at=2)
    assert "stopped at step 2 and saved; the same command goes on from there" in capsys.readouterr().err
    run(config_of(faces_folder), tmp_path)
    said = capsys.readouterr().err
    assert f"going on from step 2 in {tmp_path}" in said
    assert "done: step 6" in said


def test_devices_of_the_test_are_eight():
    assert jax.device_count() == 8
