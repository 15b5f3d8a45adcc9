"""A network of three convolutions, generated faces, and a network on a mesh, for all tests of training."""

import json
import math
import re

import jax
import numpy as np
import pytest
from flax import nnx
from PIL import Image

from smlnet_jax.config import Config, DataConfig, LossConfig, OptimConfig, TrainConfig
from smlnet_jax.models import Model, Output
from smlnet_jax.models.config import VARIANTS
from smlnet_jax.models.layers import Conv
from smlnet_jax.ops.spectrum import irfft2, rfft2
from smlnet_jax.training.checkpoint import Checkpoints
from smlnet_jax.training.loop import train
from smlnet_jax.training.optimizer import transformation
from smlnet_jax.training.sharding import data_mesh, place_batch
from smlnet_jax.training.signals import StopSignals
from smlnet_jax.training.state import abstract_state, born_sharded
from smlnet_jax.training.step import Images, jit_step

SIZE, SCALE, BATCH = 16, 4, 8


class Three(nnx.Module):
    """Both outputs, a spectrum, and one kernel that is large enough for FSDP to split."""

    def __init__(self, config, *, rngs):
        self.head, self.body = Conv(3, 32, rngs=rngs), Conv(32, 32, rngs=rngs)
        self.tail = Conv(32, 6, rngs=rngs)

    def __call__(self, x):
        features = jax.nn.relu(self.body(jax.nn.relu(self.head(x))))
        re, im = rfft2(features)
        residual = self.tail(features + irfft2((re / (1 + re**2), im), features.shape[2]))
        return Output(x + residual[..., :3], x + residual[..., 3:])


THREE = Model(VARIANTS["smlnet_test"], Three)


def config_of(folder="", *, optim=None, loss=None, **train) -> Config:
    """A short run on 16x16 faces of `folder` that logs every step and validates only at the end."""
    settings = {"steps": 6, "batch_size": BATCH, "log_every": 1, "val_every": 100, "save_every": 100, **train}
    return Config(
        model=THREE.config,
        data=DataConfig(train=str(folder), val=str(folder), size=SIZE, scale=SCALE),
        optim=OptimConfig(**{"lr": 1e-3, "warmup_steps": 2, **(optim or {})}),
        loss=LossConfig(**(loss or {})),
        train=TrainConfig(**settings),
    )


def generated_faces(count: int, size: int = SIZE, seed: int = 11) -> np.ndarray:
    """Smooth pictures with some texture, [count, size, size, 3] uint8."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (count, 6, 6, 3)).astype(np.uint8)
    bicubic = Image.Resampling.BICUBIC
    smooth = np.stack([np.asarray(Image.fromarray(c).resize((size, size), bicubic)) for c in coarse])
    return np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)


def generated_images(count: int = BATCH) -> Images:
    """A batch that needs no files."""
    hr, side = generated_faces(count), SIZE // SCALE
    small = [Image.fromarray(face).resize((side, side), Image.Resampling.BICUBIC) for face in hr]
    return Images(hr, np.stack([np.asarray(face) for face in small]))


class Bench:
    """A network on a mesh: its state, its step, compiled once, and batches where the step wants them."""

    def __init__(self, model, config: Config, devices: int = 1, images: Images | None = None):
        images = generated_images() if images is None else images
        self.mesh = data_mesh(jax.devices()[:devices])
        self.model, self.config, self.tx = model, config, transformation(config.optim)
        with jax.set_mesh(self.mesh):
            self.abstract = abstract_state(model, self.tx, self.mesh, fsdp=config.train.fsdp)
            self.jitted = jit_step(model, self.tx, config, self.abstract)
            self.compiled = self.jitted.lower(self.abstract, self.place(images)).compile()

    def fresh(self):
        with jax.set_mesh(self.mesh):
            return born_sharded(0, self.model, self.tx, self.abstract)

    def place(self, images: Images) -> Images:
        return Images(*(place_batch(x, self.mesh) for x in images))

    def update(self, state, images: Images):
        return self.compiled(state, self.place(images))

    def run(self, steps: int, images: Images):
        """State and metrics after `steps` updates on the same batch, on the host."""
        state = self.fresh()
        for _ in range(steps):
            state, metrics = self.update(state, images)
        return jax.device_get((state, metrics))


def run(config: Config, workdir, devices: int = 1, *, stop_at: int = 0) -> int:
    """`train` on the first devices; `stop_at` is the step at which a signal reaches it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StopSignals, "reached", lambda self, step: step == stop_at)
        return train(config, workdir, jax.devices()[:devices])


def rows(workdir, *, timed: bool = False) -> list[dict]:
    """metrics.jsonl, without what the clock says."""
    found = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    clock = () if timed else ("seconds", "images_per_second")
    return [{name: value for name, value in row.items() if name not in clock} for row in found]


def saved_state(workdir, step: int, optimizer: str = "adam"):
    """The state of a checkpoint of `THREE`, on the host."""
    mesh, tx = data_mesh(jax.devices()[:1]), transformation(OptimConfig(name=optimizer))
    with Checkpoints(workdir, read_only=True) as checkpoints:
        return jax.device_get(checkpoints.restore(step, abstract_state(THREE, tx, mesh, fsdp=False)))


_COLLECTIVE = re.compile(
    r"= (?P<shapes>.*?) (?P<kind>all-reduce|all-gather|all-to-all|reduce-scatter|collective-\w+)(-start)?\("
)


def traffic(compiled) -> dict[str, list[int]]:
    """What a compiled program moves between devices: the elements of each array, by kind of collective."""
    found: dict[str, list[int]] = {}
    for line in compiled.as_text().splitlines():
        if match := _COLLECTIVE.search(line):
            shapes = re.findall(r"\w+\[([\d,]*)\]", match["shapes"])
            sizes = [math.prod(int(n) for n in shape.split(",") if n) for shape in shapes]
            found.setdefault(match["kind"], []).extend(sizes)
    return found
