import argparse
import json
import sys
import types

import chex
import jax
import numpy as np
import pytest

from smlnet_jax.config import from_config_dict, to_dict
from smlnet_jax.errors import UserError
from smlnet_jax.export import command
from smlnet_jax.export.pretrained import load_card, load_pretrained


@pytest.fixture
def run(tmp_path, model, params, monkeypatch):
    """A finished run of 400 steps whose best checkpoint is at 300; its weights come from nowhere."""
    workdir = tmp_path / "tiny"
    (workdir / "checkpoints").mkdir(parents=True)
    config = from_config_dict(
        {
            "model": {"name": "smlnet_test"},
            "data": {"train": "/somewhere/celeba/train", "size": 64, "scale": 4},
            "train": {"steps": 400, "batch_size": 8},
        }
    )
    (workdir / "config.json").write_text(json.dumps(to_dict(config)))
    rows = [
        {"step": step, "seconds": 2.0 * step, "val/psnr": 20 + step / 100} for step in (100, 200, 300, 400)
    ]
    (workdir / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def load_weights(workdir, which="best"):
        scale = {"best": 1, "latest": 2}[which]
        loaded = jax.tree.map(lambda leaf: scale * leaf, params)
        return model.config, loaded, {"step": {"best": 300, "latest": 400}[which]}

    checkpoint = types.ModuleType("smlnet_jax.training.checkpoint")
    checkpoint.load_weights = load_weights
    monkeypatch.setitem(sys.modules, "smlnet_jax.training.checkpoint", checkpoint)
    return workdir


def _export(*given) -> int:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args([str(one) for one in (*given, "--no-speed")]))


def _score(path, weights="tiny", psnr=25.0, own=True):
    scores = {"sparnet": {"psnr": psnr, "ssim": 0.7}}
    found = {"lfw": {"n": 3, "protocols": scores, "bicubic": scores}}
    path.write_text(
        json.dumps(
            {"weights": weights, "own": own, "scale": 4, "lr_kernel": "pil_bicubic", "datasets": found}
        )
    )


def test_best_weights_travel_with_the_facts_of_their_run(run, tmp_path, params):
    _score(run / "eval.json")
    assert _export(run, "-o", tmp_path / "out") == 0

    _, loaded, card = load_pretrained(tmp_path / "out")
    chex.assert_trees_all_equal(loaded, params)
    assert (card.name, card.size, card.scale) == ("smlnet_test_x4", 64, 4)
    assert card.training.data == "celeba/train"
    assert (card.training.steps, card.training.batch_size) == (300, 8)
    assert card.training.hours == pytest.approx(600 / 3600, abs=1e-4)
    assert [point.value for point in card.training.curve] == [21, 22, 23, 24]
    assert card.training.recipe["optim"]["lr"] == 2e-4
    assert card.scores["lfw"]["protocols"]["sparnet"]["psnr"] == 25
    assert "non-commercial" in card.licences.weights
    assert "celeba/train" in (tmp_path / "out/README.md").read_text()


def test_consistency_is_switched_on_and_scores_without_it_are_not_passed_off_as_its_own(
    run, tmp_path, params, capsys
):
    _score(run / "eval.json")
    assert _export(run, "-o", tmp_path / "out", "--consistency") == 0
    assert "eval.json scored these weights without --consistency" in capsys.readouterr().err
    model, loaded, card = load_pretrained(tmp_path / "out")
    assert (model.config.consistency, card.scores) == (4, {})
    chex.assert_trees_all_equal(loaded, params)
    assert "SR, reduced by 4, is exactly the LR" in (tmp_path / "out/README.md").read_text()


def test_consistency_is_refused_where_lr_does_not_say_what_hr_reduces_to(run, tmp_path):
    config = json.loads((run / "config.json").read_text())
    config["data"]["lr_kernel"] = "blind"
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="trained on pil_bicubic, and these on blind"):
        _export(run, "-o", tmp_path / "out", "--consistency")
    assert not (tmp_path / "out").exists()


def test_words_of_the_exporter_come_first(run, tmp_path):
    words = {
        "--trained-on": "nine faces",
        "--licence": "CC0",
        "--hardware": "one abacus",
        "--crop": "by hand",
        "--command": "python train.py",
        "--revision": "v7",
    }
    given = [text for pair in words.items() for text in pair]
    _export(run, "-o", tmp_path / "out", "--name", "tiny", "--dtype", "float16", *given)

    card = load_card(tmp_path / "out")
    assert (card.name, card.dtype, card.crop) == ("tiny", "float16", "by hand")
    assert (card.training.data, card.licences.weights) == ("nine faces", "CC0")
    told = card.training.hardware, card.training.command, card.training.revision
    assert told == ("one abacus", "python train.py", "v7")


def test_what_the_card_leaves_open_is_told(run, tmp_path, capsys):
    _export(run, "-o", tmp_path / "out")
    notes = capsys.readouterr().err
    assert all(flag in notes for flag in ("--scores", "--hardware", "--command", "--revision"))


def test_latest_weights_do_not_take_the_scores_of_the_best(run, tmp_path, params, capsys):
    _score(run / "eval.json")
    _export(run, "-o", tmp_path / "out", "--which", "latest")

    _, loaded, card = load_pretrained(tmp_path / "out")
    np.testing.assert_array_equal(loaded["tail"]["spat"]["bias"], 2 * params["tail"]["spat"]["bias"])
    assert card.training.steps == 400 and card.scores == {}
    assert "the card has no scores" in capsys.readouterr().err


def test_scores_of_other_weights_are_left_out_and_it_is_told(run, tmp_path, capsys):
    _score(run / "eval.json", weights="bicubic", own=False)
    _export(run, "-o", tmp_path / "out")
    assert load_card(tmp_path / "out").scores == {}
    assert "eval.json" in capsys.readouterr().err


def test_scores_measured_on_the_exported_file_replace_none(run, tmp_path):
    _export(run, "-o", tmp_path / "out")
    _score(tmp_path / "scored.json", weights=str(tmp_path / "out"), psnr=26.0)

    with pytest.raises(UserError, match="--overwrite"):
        _export(run, "-o", tmp_path / "out", "--scores", tmp_path / "scored.json")
    _export(run, "-o", tmp_path / "out", "--scores", tmp_path / "scored.json", "--overwrite")
    assert load_card(tmp_path / "out").scores["lfw"]["protocols"]["sparnet"]["psnr"] == 26


def test_folder_that_is_taken_is_told_before_any_work(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"thesis\.tex"):
        _export(tmp_path / "no_such_run", "-o", tmp_path, "--overwrite")


def test_without_the_packages_of_training_it_says_what_to_install(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "smlnet_jax.training.checkpoint", None)
    with pytest.raises(UserError, match=r"smlnet-jax\[train\]"):
        _export(run, "-o", tmp_path / "out")


def test_run_that_is_not_there_is_told_and_nothing_is_written(run, tmp_path):
    with pytest.raises(UserError, match=r"config\.json cannot be read"):
        _export(tmp_path / "no_such_run", "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()
