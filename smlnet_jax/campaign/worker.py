"""One job of a campaign in a process of its own: `python -m smlnet_jax.campaign.worker JOB FOLDER`.

FOLDER/job.json holds what it is about, mostly the whole config of a run. What became of it is in
FOLDER/outcome.json; without that file the job is not done, and can be started again.

bicubic   scores bicubic on the test sets
pace      trains a little, in a place of its own, to see how fast it is
train     trains, going on from a checkpoint if there is one, then scores the best checkpoint
speed     times the forward pass of many networks; its job.json holds those
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from smlnet_jax.allocation import keep_freed_memory
from smlnet_jax.campaign import provenance, speed
from smlnet_jax.campaign.files import STOPPED, read_json
from smlnet_jax.compilation import keep_compilations
from smlnet_jax.config import Config, from_config_dict, model_config
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation import run as scoring
from smlnet_jax.export.workdir import metrics
from smlnet_jax.files import write_json
from smlnet_jax.models import create
from smlnet_jax.training.checkpoint import Checkpoints
from smlnet_jax.training.loop import train
from smlnet_jax.training.post_mortem import Diverged


def main(arguments: list[str]) -> int:
    """Does a job; 0 = done, 2 = failed, and outcome.json says why, 3 = stopped before its end."""
    job, folder = arguments[0], Path(arguments[1])
    keep_compilations()  # the seeds of a member compile the same program
    try:
        about = read_json(folder / "job.json")
        of_a_run = {"bicubic": _bicubic, "pace": _pace, "train": _train}
        outcome = _speed(about) if job == "speed" else of_a_run[job](from_config_dict(about), folder)
    except UserError as error:
        status = "diverged" if isinstance(error, Diverged) else "failed"
        write_json(folder / "outcome.json", {"status": status, "reason": str(error)})
        print(f"error: {error}", file=sys.stderr)
        return 2
    if outcome is None:
        return STOPPED
    write_json(folder / "outcome.json", {"status": "done", **outcome})
    return 0


def _bicubic(config: Config, folder: Path) -> dict[str, Any]:
    scoring.run(_with(config, "eval", weights="bicubic"), folder)
    return {}


def _pace(config: Config, folder: Path) -> dict[str, Any] | None:
    """Images a second as the loop itself measures them: its first step, which compiles, is not in it."""
    steps = config.train.steps
    brief = _with(config, "train", log_every=steps, save_every=steps, wandb="")
    with tempfile.TemporaryDirectory(dir=folder) as place:
        train(_with(brief, "data", val=""), Path(place))
        rows = metrics(Path(place))
    if not rows:
        return None
    return {"images_per_second": rows[-1]["images_per_second"], "steps": steps - 1}


def _train(config: Config, folder: Path) -> dict[str, Any] | None:
    train(config, folder)
    with Checkpoints(folder, read_only=True) as checkpoints:
        if checkpoints.latest_step() != config.train.steps:
            return None
        best = checkpoints.best_step()
        val_psnr = None if best is None else checkpoints.val_psnr(best)
    scoring.run(_with(config, "eval", weights=""), folder)
    model, size = create(config.model), config.data.size
    return {
        "best_step": best,
        "val_psnr": val_psnr,
        "parameters": model.param_count(),
        "macs": model.macs(size, size),
        "device": provenance.device(),
        "devices": jax.device_count(),
        "revision": provenance.revision(),
    }


def _speed(about: Mapping[str, Any]) -> dict[str, Any]:
    networks = {name: model_config(values) for name, values in about["networks"].items()}
    return speed.measure(networks, about["size"])


def _with(config: Config, part: str, **changes: Any) -> Config:
    return dataclasses.replace(config, **{part: dataclasses.replace(getattr(config, part), **changes)})


if __name__ == "__main__":
    keep_freed_memory()
    sys.exit(main(sys.argv[1:]))
