"""metrics.jsonl always, the other writers when they are there."""

import dataclasses
import json
import sys
import types

import pytest

from smlnet_jax.errors import UserError
from smlnet_jax.training.metrics_log import JsonLines, cut_after, open_log
from tests.training.bench import config_of, rows


@pytest.fixture
def tensorboard(monkeypatch):
    """A stand-in for tensorboardX, and what was told to it."""
    told = []

    class SummaryWriter:
        def __init__(self, folder, purge_step):
            told.append((folder, purge_step))

        def add_scalar(self, name, value, step):
            told.append((name, value, step))

        def close(self):
            told.append("closed")

    monkeypatch.setitem(sys.modules, "tensorboardX", types.SimpleNamespace(SummaryWriter=SummaryWriter))
    return told


@pytest.fixture
def no_tensorboard(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)


def wandb_config(**train):
    return config_of(wandb="faces", **train)


@pytest.mark.usefixtures("no_tensorboard")
def test_a_row_is_one_json_object_with_step_and_seconds(tmp_path):
    log = open_log(tmp_path, config_of(), 0, is_first=True)
    log.write(3, {"loss": 0.5, "psnr": float("nan")})
    assert (tmp_path / "metrics.jsonl").read_text().count("\n") == 1  # at once, not at the end
    log.close()
    (row,) = rows(tmp_path, timed=True)
    assert row.pop("seconds") >= 0
    assert row == {"step": 3, "loss": 0.5, "psnr": None}


@pytest.mark.usefixtures("no_tensorboard")
def test_rows_after_the_checkpoint_are_cut_and_the_clock_goes_on(tmp_path):
    lines = [{"step": 1, "seconds": 10.0}, {"step": 2, "seconds": 20.0}, {"step": 3, "seconds": 30.0}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "metrics.jsonl").write_text(text + '{"step": 4, "lo')
    log = open_log(tmp_path, config_of(), 2, is_first=True)
    log.write(3, {})
    log.close()
    found = rows(tmp_path, timed=True)
    assert [row["step"] for row in found] == [1, 2, 3]
    assert 20 <= found[2]["seconds"] < 30


def test_cutting_a_log_that_is_not_there_makes_an_empty_one(tmp_path):
    assert cut_after(tmp_path / "metrics.jsonl", 0) == 0
    assert (tmp_path / "metrics.jsonl").read_text() == ""


def test_line_of_another_program_in_the_log_is_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('7\n{"note": "no step"}\n{"step": 1, "loss": 2.0}\n')
    cut_after(path, 5)
    assert path.read_text() == '{"step": 1, "loss": 2.0}\n'


def test_only_the_first_process_writes(tmp_path):
    open_log(tmp_path, wandb_config(), 0, is_first=False).write(1, {"loss": 1.0})
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_gets_every_value_and_forgets_what_was_taken_back(tmp_path, tensorboard):
    log = open_log(tmp_path, config_of(), 40, is_first=True)
    log.write(41, {"loss": 0.5})
    log.close()
    assert tensorboard[:2] == [(str(tmp_path / "tensorboard"), 41), ("loss", 0.5, 41)]
    assert tensorboard[-1] == "closed"


def test_real_tensorboard_writes_an_event_file(tmp_path):
    pytest.importorskip("tensorboardX")
    log = open_log(tmp_path, config_of(), 0, is_first=True)
    log.write(1, {"loss": 0.5})
    log.close()
    (events,) = (tmp_path / "tensorboard").iterdir()
    assert b"loss" in events.read_bytes()


@pytest.mark.usefixtures("no_tensorboard")
def test_wandb_that_is_not_installed_is_said_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(
        UserError, match=r"train.wandb='faces' needs wandb; `pip install 'smlnet-jax\[log\]'`"
    ):
        open_log(tmp_path, wandb_config(), 0, is_first=True)


def test_wandb_that_does_not_start_is_said_in_a_sentence(tmp_path, monkeypatch):
    def without_login(**_):
        raise RuntimeError("api_key not configured\n(no-tty)")

    monkeypatch.setitem(sys.modules, "wandb", types.SimpleNamespace(init=without_login))
    with pytest.raises(
        UserError, match=r"does not start \(api_key not configured \(no-tty\)\); `wandb login`"
    ):
        open_log(tmp_path, wandb_config(), 0, is_first=True)


@pytest.mark.usefixtures("no_tensorboard")
def test_wandb_gets_config_and_values_and_goes_on_with_the_same_run(tmp_path, monkeypatch):
    calls = []
    run = types.SimpleNamespace(
        log=lambda values, step: calls.append((step, values["loss"])), finish=lambda: calls.append("closed")
    )
    wandb = types.SimpleNamespace(init=lambda **given: calls.append(given) or run)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    log = open_log(tmp_path, wandb_config(), 0, is_first=True)
    log.write(1, {"loss": 0.5})
    log.close()
    given, *rest = calls
    own = (tmp_path / "wandb_id").read_text()
    assert (given["project"], given["id"], given["resume"]) == ("faces", own, "allow")
    assert given["name"] == tmp_path.name
    open_log(tmp_path, wandb_config(), 1, is_first=True).close()
    assert calls[3]["id"] == own
    assert given["config"]["train"] == dataclasses.asdict(wandb_config().train)
    assert rest == [(1, 0.5), "closed"]


def test_log_that_cannot_be_written_is_said_in_a_sentence(tmp_path):
    (tmp_path / "metrics.jsonl").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*metrics.jsonl .*another --workdir"):
        open_log(tmp_path, config_of(), 0, is_first=True)


def test_full_disk_under_the_log_is_said_in_a_sentence():
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123  a device that is always full
        lines = JsonLines.__new__(JsonLines)
        lines._path, lines._file = "W/metrics.jsonl", full
        with pytest.raises(UserError, match=r"cannot write W/metrics.jsonl \(No space left on device\)"):
            lines.write(1, {"loss": 1.0})
        lines.close()
