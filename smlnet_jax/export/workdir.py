"""What a training run left behind, in the words of a card."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smlnet_jax.config import Config, from_config_dict, to_dict
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation.weights import SELF_ENSEMBLE
from smlnet_jax.export.card import CELEBA_TERMS, Licences, Point, Training

WALL_TIME = "seconds"  # in metrics.jsonl: since the run began
_OF_THIS_MACHINE = ("wandb", "distributed", "coordinator", "num_processes", "process_id")


def run_config(workdir: Path) -> Config:
    """The config that the run was started with. Raises UserError where it cannot be read."""
    path = workdir / "config.json"
    try:
        return from_config_dict(json.loads(path.read_text(encoding="utf-8")), stored=True)
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); give the --workdir of a training run"
        ) from error
    except ValueError as error:
        raise UserError(
            f"{path} is not the config of a run ({error}); give the --workdir of a training run"
        ) from error


def training(config: Config, rows: list[dict[str, Any]], step: int, which: str) -> Training:
    """How the weights at `step` came to be, from the run's config and the rows of its metrics.jsonl."""
    curve, curve_of = learning_curve(rows)
    reached = next((f", {curve_of} {point.value:.3f}" for point in curve if point.step == step), "")
    chosen = f"the {which}{reached}" if curve else "the latest; nothing was validated"
    return Training(
        data=source_words(config.data.train),
        steps=step,
        batch_size=config.train.batch_size,
        hours=round(wall_seconds(rows, step) / 3600, 4),
        seed=config.train.seed,
        chosen=f"step {step:,} of {config.train.steps:,}, {chosen}",
        curve=curve,
        curve_of=curve_of,
        recipe=recipe(config),
    )


def metrics(workdir: Path) -> list[dict[str, Any]]:
    """Rows of metrics.jsonl, in order of step; of a step that was trained again after a restart, the last.

    A line that a crash has cut off is passed over.
    """
    path = workdir / "metrics.jsonl"
    rows: dict[tuple, dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(row, dict) and isinstance(row.get("step"), int):
            rows[row["step"], *sorted(row)] = row
    return sorted(rows.values(), key=lambda row: row["step"])


def wall_seconds(rows: list[dict[str, Any]], step: int) -> float:
    """Wall time of the run up to `step`; 0 where the rows do not say."""
    return max((float(row.get(WALL_TIME, 0)) for row in rows if row["step"] <= step), default=0.0)


def learning_curve(rows: list[dict[str, Any]]) -> tuple[tuple[Point, ...], str]:
    """(step, PSNR on the validation set), and what the metric is called; empty without validation."""
    names = [name for row in rows for name in row if name.startswith("val") and "psnr" in name]
    if not names:
        return (), ""
    name = names[0]
    found = ((row["step"], row[name]) for row in rows if isinstance(row.get(name), float))
    return tuple(Point(step, round(value, 4)) for step, value in found if math.isfinite(value)), name


def is_current(eval_json: Path, workdir: Path) -> bool:
    """Whether a run's own eval.json scored the run itself, and after its last checkpoint."""
    try:
        found = json.loads(eval_json.read_text(encoding="utf-8"))
        is_own = found.get("own") is True and not found["weights"].endswith(SELF_ENSEMBLE)
    except (ValueError, KeyError, AttributeError):
        return False
    folder = workdir / "checkpoints"
    saved = (path.stat().st_mtime for pattern in ("*", "*/*") for path in folder.glob(pattern))
    return is_own and eval_json.stat().st_mtime >= max(saved, default=0.0)


def scores(path: Path, config: Config) -> Mapping[str, Any]:
    """The data sets of an eval.json. Raises UserError unless it was scored as the weights were trained."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        datasets, label = found["datasets"], found["weights"]
        scored = found["scale"], found["lr_kernel"]
        for named in datasets.values():
            for protocol in (*named["protocols"].values(), *named.get("bicubic", {}).values()):
                _ = protocol["psnr"], protocol["ssim"], named["n"]
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); write it with eval.py") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is not an eval.json ({type(error).__name__}: {error}); write it with eval.py"
        ) from error
    trained = config.data.scale, config.data.lr_kernel
    if tuple(scored) != trained:
        raise UserError(
            f"{path} was scored at x{scored[0]} with {scored[1]}, the weights were trained at x{trained[0]} "
            f"with {trained[1]}; run eval.py with --config.data.scale={trained[0]} "
            f"--config.data.lr_kernel={trained[1]}"
        )
    if label == "bicubic":
        raise UserError(f"{path} holds the scores of bicubic; run eval.py on the weights")
    if label.endswith(SELF_ENSEMBLE):
        raise UserError(
            f"{path} holds the scores of a self-ensemble, which are better than those of the weights in one "
            "pass; run eval.py without --config.eval.self_ensemble"
        )
    return datasets


def recipe(config: Config) -> dict[str, Any]:
    """Data, optimisation, loss and length of the run, without what concerns only the machine it ran on."""
    values = {section: to_dict(config)[section] for section in ("data", "optim", "loss", "train")}
    for section, name in (("data", "train"), ("data", "val"), ("train", "init")):
        values[section][name] = source_words(values[section][name])
    for name in _OF_THIS_MACHINE:
        del values["train"][name]
    return json.loads(json.dumps(values))  # tuples become lists, as in the file


def source_words(source: str) -> str:
    """A data source, or weights, without the path to it on the exporter's machine: its last two folders."""
    if not source or source.startswith(("tfds:", "astronaut:")):
        return source
    return "/".join(Path(source).parts[-2:])


def licences(config: Config, trained_on: str | None, weights: str | None, data: str | None) -> Licences:
    """Terms in the exporter's words; without them, what is trained on CelebA inherits its terms."""
    said = Licences()
    if "celeba" in f"{config.data.train} {trained_on}".lower().replace("_", ""):
        said = Licences(weights="research only, non-commercial: trained on CelebA", data=CELEBA_TERMS)
    return Licences(weights=weights or said.weights, data=data or said.data)
