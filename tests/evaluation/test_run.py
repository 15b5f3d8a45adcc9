import csv
import dataclasses
import errno
import json
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from smlnet_jax.config import Config, DataConfig, EvalConfig, model_config
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation import run as door
from smlnet_jax.evaluation import weights
from smlnet_jax.metrics import PROTOCOLS
from smlnet_jax.models import SelfEnsemble
from smlnet_jax.restoration.align import canonical_landmarks
from smlnet_jax.restoration.identity import SFace

REPO = Path(__file__).resolve().parents[2]


def configured(data: str, **settings) -> Config:
    return Config(
        model=model_config("smlnet_test"),
        data=DataConfig(size=32, scale=4),
        eval=EvalConfig(data=data, **{"weights": "bicubic", "batch_size": 4, **settings}),
    )


def test_bicubic_run_writes_scores_csv_and_picture(folder, tmp_path, capsys):
    assert door.run(configured(f"seven={folder}"), tmp_path / "run") == 0

    written = json.loads((tmp_path / "run" / "eval.json").read_text())
    assert (written["weights"], written["scale"], written["lr_kernel"]) == ("bicubic", 4, "pil_bicubic")
    assert written["own"] is False
    assert written["datasets"]["seven"]["n"] == 7
    assert written["datasets"]["seven"]["protocols"] == written["datasets"]["seven"]["bicubic"]

    with (tmp_path / "run" / "eval" / "seven.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [f"{i:03d}.png" for i in range(7)]
    for protocol in PROTOCOLS:
        mean = np.mean([float(row[f"{protocol}_psnr"]) for row in rows])
        assert mean == pytest.approx(written["datasets"]["seven"]["protocols"][protocol]["psnr"], abs=1e-4)

    picture = Image.open(tmp_path / "run" / "eval" / "seven.png")
    assert picture.size[1] > 7 * 32
    assert "seven: 7 images, x4, LR by pil_bicubic" in capsys.readouterr().out


def test_two_sets_and_a_limit(folder, tmp_path):
    door.run(configured(f"a={folder},b={folder}", limit=2, protocols=("rgb",), grid_images=0), tmp_path)
    written = json.loads((tmp_path / "eval.json").read_text())
    assert {name: found["n"] for name, found in written["datasets"].items()} == {"a": 2, "b": 2}
    assert sorted(path.name for path in (tmp_path / "eval").iterdir()) == ["a.csv", "b.csv"]


def test_network_is_scored_over_all_devices_beside_bicubic(folder, tmp_path, sharpen, monkeypatch):
    monkeypatch.setattr(weights, "load", lambda *_, **__: weights.Loaded("runs/x4", sharpen, sharpen.init()))
    door.run(configured(f"seven={folder}", protocols=("sparnet",)), tmp_path)
    written = json.loads((tmp_path / "eval.json").read_text())["datasets"]["seven"]
    assert written["protocols"]["sparnet"] != written["bicubic"]["sparnet"]
    assert {shape[0] for shape in sharpen.calls} == {jax.device_count()}  # 4 raised to 8


def test_identity_is_the_cosine_to_the_original_s_embedding(folder, source, tmp_path, capsys):
    door.run(configured(f"seven={folder}", protocols=("rgb",), identity=True), tmp_path)
    with (tmp_path / "eval" / "seven.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    sface, landmarks = SFace(), canonical_landmarks(32)
    for row, face in zip(rows, source, strict=True):
        small = Image.fromarray(face.image).resize((8, 8), Image.Resampling.BICUBIC)
        enlarged = np.asarray(small.resize((32, 32), Image.Resampling.BICUBIC))
        expected = sface.similarity(enlarged / np.float32(255), face.image / np.float32(255), landmarks)
        assert float(row["identity_bicubic_cosine"]) == pytest.approx(expected, abs=1e-5)
        assert row["identity_cosine"] == row["identity_bicubic_cosine"]  # bicubic is what was scored
    found = json.loads((tmp_path / "eval.json").read_text())["datasets"]["seven"]["identity"]
    mean = np.mean([float(row["identity_cosine"]) for row in rows])
    assert found == {"model": pytest.approx(mean, abs=1e-6), "bicubic": pytest.approx(mean, abs=1e-6)}
    assert "identity" in capsys.readouterr().out


def test_broken_weights_are_refused_and_earlier_scores_kept(folder, tmp_path, broken, monkeypatch):
    (tmp_path / "eval.json").write_text("{}")
    monkeypatch.setattr(weights, "load", lambda *_, **__: weights.Loaded("runs/nan", broken, {}))
    with pytest.raises(UserError, match=r"runs/nan gives NaN or infinity on \d+\.png of seven"):
        door.run(configured(f"seven={folder}"), tmp_path)
    assert (tmp_path / "eval.json").read_text() == "{}"


def test_sets_that_were_done_before_one_that_breaks_are_kept(folder, tmp_path, broken, monkeypatch):
    results = door.evaluate
    monkeypatch.setattr(
        door,
        "evaluate",
        lambda model, params, sets, **more: results(model if "b" in sets else None, params, sets, **more),
    )
    monkeypatch.setattr(weights, "load", lambda *_, **__: weights.Loaded("runs/nan", broken, {}))
    with pytest.raises(UserError, match=r"runs/nan gives NaN or infinity on \d+\.png of b"):
        door.run(configured(f"a={folder},b={folder}", grid_images=1), tmp_path)
    assert sorted(path.name for path in (tmp_path / "eval").iterdir()) == ["a.csv", "a.png"]


def test_workdir_that_cannot_be_made_is_said_before_anything_is_scored(folder, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(door, "evaluate", lambda *_, **__: pytest.fail("scored in vain"))
    with pytest.raises(UserError, match=r"cannot write the results into .*file"):
        door.run(configured(f"seven={folder}"), tmp_path / "file")


def test_full_disk_is_one_sentence(folder, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(door, "write_csv", full)
    with pytest.raises(UserError, match=r"cannot write the results into .*No space left on device"):
        door.run(configured(f"seven={folder}"), tmp_path)
    assert not (tmp_path / "eval.json").exists()


def test_weights_trained_otherwise_are_scored_by_the_config_with_a_note():
    @dataclasses.dataclass(frozen=True)
    class Trained:
        config = model_config("smlnet_lite")

    data = {"scale": 8, "lr_kernel": "area"}
    notes = list(door.notes(configured("x"), weights.Loaded("runs/x", Trained(), {}, data)))
    assert notes == [
        "the weights are of smlnet_lite and scored as such, though the config says smlnet_test",
        "the weights were trained with data.scale=8, and are used with 4",
        "the weights were trained with data.lr_kernel=area, and are used with pil_bicubic",
    ]
    Trained.config = dataclasses.replace(model_config("smlnet_test"), two_way=False)
    assert next(door.notes(configured("x"), weights.Loaded("runs/x", Trained(), {}))).endswith(
        "of smlnet_test and scored as such, though the config says otherwise in some switch"
    )
    assert list(door.notes(configured("x"), weights.Loaded("bicubic", None, {}))) == []


def test_pretrained_weights_know_what_they_were_trained_on():
    loaded = weights.load("smlnet_lite_x4", "")
    assert list(weights.trained_otherwise(loaded, scale=8, lr_kernel="pil_bicubic")) == [
        "the weights were trained with data.scale=4, and are used with 8",
        "so model.consistency, which is for the LR that they were trained on, is off",
    ]


@pytest.mark.parametrize(
    ("scale", "kernel", "left"),
    [(4, "pil_bicubic", 4), (8, "pil_bicubic", 0), (4, "area", 0)],
)
def test_consistency_is_for_its_own_lr(scale, kernel, left):
    loaded = weights.load("smlnet_lite_x4", "", self_ensemble=True)
    used = weights.on_lr(loaded, scale, kernel)
    assert used.model.config == dataclasses.replace(loaded.model.config, consistency=left)
    assert isinstance(used.model, SelfEnsemble)
    assert weights.on_lr(weights.Loaded("bicubic", None, {}), 8, "area").model is None


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--config.eval.data=celeba=no/such/folder", "no/such/folder"),
        ("--config.eval.data=", "eval.data is empty"),
        ("--config.eval.protocols=psnr_y", "eval.protocols='psnr_y' is unknown"),
    ],
)
def test_door_says_one_line_and_exits_with_2(option, message, tmp_path):
    command = [sys.executable, REPO / "eval.py", f"--config={REPO / 'configs' / 'smlnet_test.py'}"]
    command += [f"--workdir={tmp_path}", "--config.eval.weights=bicubic", option]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    errors = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert ended.returncode == 2, ended.stderr
    assert len(errors) == 1 and message in errors[0] and "Traceback" not in ended.stderr
