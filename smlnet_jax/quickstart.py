"""`smlnet quickstart`: the whole main job in minutes, on a photograph that is in the public domain.

It trains a small network, stops, goes on from the checkpoint, scores the best weights beside bicubic and
writes the pictures: the same functions that train.py and eval.py call, on data that is always at hand.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path

from smlnet_jax.config import (
    Config,
    DataConfig,
    EvalConfig,
    LossConfig,
    OptimConfig,
    TrainConfig,
    from_config_dict,
)
from smlnet_jax.errors import UserError
from smlnet_jax.models.config import VARIANTS

STEPS = 200


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `smlnet quickstart`."""
    parser.description = (
        "Trains a small network on crops of one public-domain photograph, resumes it, scores it beside "
        "bicubic and writes the pictures. It shows that everything works; one photograph teaches no faces."
    )
    add = parser.add_argument
    add(
        "--workdir",
        type=Path,
        default=Path("runs/quickstart"),
        metavar="FOLDER",
        help="default: runs/quickstart",
    )
    add("--steps", type=int, default=STEPS, help=f"of 8 crops each; default: {STEPS}")
    add("--train", default="astronaut:train", metavar="SOURCE", help="default: crops of the photograph")
    add(
        "--val",
        default="astronaut:val",
        metavar="SOURCE",
        help="default: the face in it, which is not trained on",
    )


def run(args: argparse.Namespace) -> int:
    """Trains one half, then the other from the checkpoint, then scores; the exit code. Raises UserError."""
    from smlnet_jax.compilation import keep_compilations
    from smlnet_jax.evaluation.run import run as score
    from smlnet_jax.training.loop import train

    keep_compilations()  # the second half compiles nothing
    config = recipe(args.train, args.val, args.steps)
    check_sources(config, args.workdir)
    for title, part in zip(("training", "going on"), halves(config), strict=True):
        print(f"\n== {title}, up to step {part.train.steps} ==", flush=True)
        if is_there := reached(args.workdir) >= part.train.steps:
            print(f"nothing to do: {args.workdir} has it; give another --workdir to train anew")
        if part is config or not is_there:  # at the end, too: its validation may have been cut off
            train(part, args.workdir)
        if reached(args.workdir) < part.train.steps:
            return 0  # by a signal; the line that says how to go on is printed
    print("\n== scores ==", flush=True)
    score(config, args.workdir)
    picture = args.workdir / "eval" / "val.png"
    print(f"\nlook at {picture}: LR, bicubic, I_fre, I_spa (the output) and HR, side by side")
    return 0


def halves(config: Config) -> tuple[Config, Config]:
    """The run up to its middle, and the whole run; the second goes on with the program of the first."""
    steps = max(1, config.train.steps // 2)
    return dataclasses.replace(config, train=dataclasses.replace(config.train, steps=steps)), config


def check_sources(config: Config, workdir: Path) -> None:
    """Raises UserError where `workdir` holds a run on other faces: what it learned is of those."""
    from smlnet_jax.training.checkpoint import Checkpoints
    from smlnet_jax.training.resume import first_difference

    with Checkpoints(workdir, read_only=True) as checkpoints:
        if not (step := checkpoints.latest_step()):
            return
        recorded = from_config_dict(checkpoints.config(step), stored=True)
    if differs := first_difference(recorded, config, ("data",), {"data.threads"}):
        key, old, _ = differs
        flag = key.replace("data.", "--")
        raise UserError(f"{workdir} holds a quick start with {flag} {old}; give another --workdir")


def reached(workdir: Path) -> int:
    """Step of the latest checkpoint."""
    from smlnet_jax.training.checkpoint import Checkpoints

    with Checkpoints(workdir, read_only=True) as checkpoints:
        return checkpoints.latest_step() or 0


def recipe(train: str, val: str, steps: int) -> Config:
    """The SMLNet for CPUs, x8, a learning rate that does not decay: the second half raises `steps`."""
    return Config(
        model=VARIANTS["smlnet_lite"],
        data=DataConfig(train=train, val=val, threads=min(2, os.cpu_count() or 1)),
        # At most a tenth of either half, so that both warm up alike.
        optim=OptimConfig(lr=1e-3, schedule="constant", warmup_steps=min(20, steps // 20), ema=0.97),
        loss=LossConfig(fre_weight=0.2, fre_weight_final=0.2, spectral_on="spa"),
        train=TrainConfig(
            steps=steps, batch_size=8, log_every=25, val_every=max(1, steps // 2), save_every=steps
        ),
        eval=EvalConfig(data=f"val={val}"),
    )
