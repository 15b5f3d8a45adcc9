"""What a run leaves in its workdir, and what it says meanwhile."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from smlnet_jax.config import from_config_dict
from smlnet_jax.errors import UserError
from smlnet_jax.models import BASELINES, create
from smlnet_jax.training import loop, validation
from smlnet_jax.training.checkpoint import Checkpoints
from tests.training.bench import config_of, rows, run

pytestmark = pytest.mark.usefixtures("small_network")


@pytest.fixture(scope="module")
def workdir(faces_folder, tmp_path_factory):
    """Six steps, validated every second one, a row every third."""
    workdir = tmp_path_factory.mktemp("run")
    assert run(config_of(faces_folder, val_every=2, log_every=3, save_every=100, keep=1), workdir) == 0
    return workdir


def test_rows_have_a_step_and_what_was_measured(workdir):
    trained = [row for row in rows(workdir, timed=True) if "loss" in row]
    assert [row["step"] for row in trained] == [3, 6]
    assert trained[0].keys() == {
        "step", "seconds", "loss", "l1", "l1_fre", "spectral", "psnr", "grad_norm", "lr", "bad_in_row",
        "bad_total", "images_per_second",
    }  # fmt: skip
    assert all(np.isfinite(value) for row in trained for value in row.values())
    assert trained[1]["images_per_second"] > 0
    assert 0 < trained[0]["seconds"] < trained[1]["seconds"]


def test_validation_is_logged_beside_bicubic(workdir):
    validated = [row for row in rows(workdir) if "val/psnr_sparnet" in row]
    assert [row["step"] for row in validated] == [2, 4, 6]
    assert len({row["val/bicubic_psnr_sparnet"] for row in validated}) == 1
    assert validated[-1]["val/psnr_sparnet"] > validated[0]["val/psnr_sparnet"]


def test_every_validation_leaves_a_picture_of_five_columns(workdir):
    names = sorted(path.name for path in (workdir / "samples").iterdir())
    assert names == ["step_0000002.png", "step_0000004.png", "step_0000006.png"]
    with Image.open(workdir / "samples" / names[0]) as picture:
        first_row = np.asarray(picture.convert("L"))[20:36]  # below the titles; captions may reach further
    assert np.flatnonzero((first_row < 255).any(0)).max() in range(4 + 4 * (16 + 4), 5 * (16 + 4))


def test_columns_of_the_picture_are_lr_bicubic_both_outputs_and_hr(faces_folder, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(validation, "sample_grid", lambda columns, *_: seen.append(tuple(columns)))
    run(config_of(faces_folder, steps=1), tmp_path)
    assert seen == [("LR", "bicubic", "I_fre", "I_spa", "HR")]


def test_config_of_the_run_reads_back(workdir, faces_folder):
    recorded = from_config_dict(json.loads((workdir / "config.json").read_text()))
    assert recorded == config_of(faces_folder, val_every=2, log_every=3, save_every=100, keep=1)


def test_latest_and_best_checkpoint_are_kept(workdir):
    psnr = {row["step"]: row["val/psnr_sparnet"] for row in rows(workdir) if "val/psnr_sparnet" in row}
    best = max(psnr, key=psnr.__getitem__)
    with Checkpoints(workdir, read_only=True) as checkpoints:
        assert checkpoints.latest_step() == 6
        assert checkpoints.best_step() == best
        assert checkpoints.val_psnr(best) == pytest.approx(psnr[best])
    assert {path.name for path in (workdir / "checkpoints").iterdir() if path.is_dir()} == {str(best), "6"}


def test_progress_says_speed_time_left_and_psnr(faces_folder, tmp_path, capsys):
    run(config_of(faces_folder), tmp_path)
    lines = capsys.readouterr().err.splitlines()
    line = next(line for line in lines if line.startswith("step 3/6"))
    assert "images/s" in line and " left" in line and "PSNR" in line and "loss" in line
    assert any(line.startswith("validation at step 6: PSNR") for line in lines)


def test_run_without_validation_faces_trains_and_saves(faces_folder, tmp_path):
    config = from_config_dict(
        {"model": {"name": "smlnet_test"}, "data": {"train": str(faces_folder), "size": 16, "scale": 4},
         "train": {"steps": 2, "batch_size": 8, "log_every": 1}}
    )  # fmt: skip
    assert run(config, tmp_path) == 0
    with Checkpoints(tmp_path, read_only=True) as checkpoints:
        assert checkpoints.latest_step() == checkpoints.best_step() == 2
    assert not (tmp_path / "samples").exists()
    assert ["images_per_second" in row for row in rows(tmp_path, timed=True)] == [False, True]


def test_network_without_parameters_is_refused(faces_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "create", create)  # the real ones
    config = dataclasses.replace(config_of(faces_folder), model=BASELINES["bicubic"])
    with pytest.raises(UserError, match=r"model\.name=bicubic has no parameters to train; choose another"):
        loop.train(config, tmp_path)
    assert not (tmp_path / "checkpoints").exists() or not any((tmp_path / "checkpoints").iterdir())
