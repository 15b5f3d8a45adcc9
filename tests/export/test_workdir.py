import json
import os

import pytest

from smlnet_jax.config import from_config_dict, to_dict
from smlnet_jax.errors import UserError
from smlnet_jax.export import workdir


@pytest.fixture
def config():
    return from_config_dict(
        {
            "model": {"name": "smlnet_test"},
            "data": {"train": "/home/somebody/secret/faces/train", "val": "/home/somebody:v2/faces/val"},
            "train": {
                "steps": 400,
                "batch_size": 8,
                "seed": 5,
                "coordinator": "10.0.0.1:1234",
                "wandb": "mine",
                "init": "/home/somebody/secret/runs/x8",
            },
        }
    )


def _eval_json(path, **changes):
    scores = {"psnr": 25.0, "ssim": 0.7}
    found = {
        "weights": str(path.parent),
        "own": True,
        "scale": 8,
        "lr_kernel": "pil_bicubic",
        "datasets": {"lfw": {"n": 3, "protocols": {"sparnet": scores}, "bicubic": {"sparnet": scores}}},
    } | changes
    path.write_text(json.dumps(found))
    return path


def test_config_of_a_run_is_read_back(tmp_path, config):
    (tmp_path / "config.json").write_text(json.dumps(to_dict(config)))
    assert workdir.run_config(tmp_path) == config


@pytest.mark.parametrize("text", [None, "", "{", '{"model": {"name": "resnet"}}'])
def test_run_without_a_usable_config_is_told(tmp_path, text):
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=r"config\.json.*give the --workdir"):
        workdir.run_config(tmp_path)


def test_nothing_of_the_exporters_machine_gets_into_a_card(config):
    told = json.dumps(workdir.recipe(config)) + workdir.training(config, [], 1, "best").data
    assert "faces/train" in told and "faces/val" in told
    for private in ("somebody", "secret", "10.0.0.1", "mine"):
        assert private not in told


def test_run_that_never_validated_has_no_best_checkpoint(config):
    chosen = workdir.training(config, [], 1, "best").chosen
    assert chosen == "step 1 of 400, the latest; nothing was validated"


@pytest.mark.parametrize("source", ["", "tfds:celeb_faces:train", "astronaut:train", "faces"])
def test_sources_that_are_no_paths_keep_their_words(source):
    assert workdir.source_words(source) == source


def test_metrics_of_a_resumed_run_count_once_and_a_cut_off_line_not_at_all(tmp_path):
    lines = [
        {"step": 100, "loss": 3.0},
        {"step": 200, "loss": 2.0},
        {"step": 100, "loss": 2.5},
        {"step": 100, "val": 1},
    ]
    text = "\n".join([*map(json.dumps, lines), "", '{"step": 300, "lo', "[]", '{"loss": 1}'])
    (tmp_path / "metrics.jsonl").write_text(text)

    assert workdir.metrics(tmp_path) == [
        {"step": 100, "loss": 2.5},
        {"step": 100, "val": 1},
        {"step": 200, "loss": 2.0},
    ]
    assert workdir.metrics(tmp_path / "nowhere") == []


def test_scores_are_the_data_sets_of_an_eval_json(tmp_path, config):
    path = _eval_json(tmp_path / "eval.json")
    assert workdir.scores(path, config)["lfw"]["n"] == 3


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"scale": 4}, "was scored at x4"),
        ({"lr_kernel": "area"}, "with area"),
        ({"weights": "bicubic"}, "scores of bicubic"),
        ({"weights": "lite (self-ensemble)"}, "scores of a self-ensemble"),
        ({"datasets": {"lfw": {"n": 3}}}, "is not an eval.json"),
        ({"datasets": []}, "is not an eval.json"),
    ],
)
def test_scores_of_something_else_are_refused(tmp_path, config, changes, fault):
    path = _eval_json(tmp_path / "eval.json", **changes)
    with pytest.raises(UserError, match=fault):
        workdir.scores(path, config)


def test_scores_that_are_not_there_are_told(tmp_path, config):
    with pytest.raises(UserError, match="cannot be read"):
        workdir.scores(tmp_path / "eval.json", config)


def test_own_scores_count_only_while_no_checkpoint_is_newer(tmp_path):
    (tmp_path / "checkpoints/100").mkdir(parents=True)
    path = _eval_json(tmp_path / "eval.json")
    os.utime(path, (1e9, 1e9))
    assert not workdir.is_current(path, tmp_path)
    for checkpoint in (tmp_path / "checkpoints").iterdir():
        os.utime(checkpoint, (1e9 - 5, 1e9 - 5))
    assert workdir.is_current(path, tmp_path)


def test_scores_of_other_weights_in_the_same_workdir_are_not_its_own(tmp_path):
    assert workdir.is_current(_eval_json(tmp_path / "eval.json"), tmp_path)
    pretrained = _eval_json(tmp_path / "eval.json", weights=tmp_path.name, own=False)
    assert not workdir.is_current(pretrained, tmp_path)
    twice = _eval_json(tmp_path / "eval.json", weights=f"{tmp_path} (self-ensemble)")
    assert not workdir.is_current(twice, tmp_path)
    (tmp_path / "eval.json").write_text("[]")
    assert not workdir.is_current(tmp_path / "eval.json", tmp_path)


@pytest.mark.parametrize("source", ["/data/celeba/train", "tfds:celeb_a:train", "/data/CelebA-HQ"])
def test_terms_of_celeba_follow_its_weights(config, source):
    config = from_config_dict({**to_dict(config), "data": {"train": source}})
    terms = workdir.licences(config, None, None, None)
    assert "non-commercial" in terms.weights and "non-commercial" in terms.data


def test_terms_are_the_exporters_where_given_and_never_invented(config):
    assert workdir.licences(config, None, "CC0", "public domain").weights == "CC0"
    assert workdir.licences(config, None, "CC0", "public domain").data == "public domain"
    assert "not stated" in workdir.licences(config, None, None, None).weights
    assert "non-commercial" in workdir.licences(config, "crops of CelebA", None, None).weights
