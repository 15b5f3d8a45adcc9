"""train.py in processes of its own, and what they left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import jax

from smlnet_jax import create
from smlnet_jax.config import model_config
from smlnet_jax.training.checkpoint import Checkpoints
from smlnet_jax.training.optimizer import transformation
from smlnet_jax.training.sharding import data_mesh
from smlnet_jax.training.state import abstract_state
from tests.training.bench import config_of

REPO = Path(__file__).resolve().parents[2]
NETWORK = {
    "name": "smlnet_test", "branches": "spatial", "spat_widths": (4, 4, 4, 32), "freq_widths": (8, 8, 8, 8)
}  # fmt: skip


class Command:
    """train.py on generated faces, with a network that compiles fast."""

    def __init__(self, faces, cache):
        self.faces = faces
        self.flags = [
            "--config=configs/smlnet_test.py", f"--config.data.train={faces}", "--config.data.size=16",
            "--config.data.scale=4", "--config.train.batch_size=4", "--config.train.log_every=1",
            "--config.train.save_every=3", "--config.optim.schedule=constant",
            "--config.optim.warmup_steps=0",
            *(f"--config.model.{key}={str(value).replace(' ', '')}" for key, value in NETWORK.items()),
        ]  # fmt: skip
        self._environment = {
            **os.environ,
            "JAX_PLATFORMS": "cpu",
            "JAX_COMPILATION_CACHE_DIR": cache,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
        }

    def start(self, *flags: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "train.py", *flags],
            cwd=REPO, env=self._environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def finish(self, *flags: str) -> tuple[int, str]:
        """Exit code and what it said."""
        process = self.start(*flags)
        _, said = process.communicate(timeout=300)
        return process.returncode, said

    def signal_at(self, words: str, number: signal.Signals, *flags: str) -> tuple[int, str]:
        """Sends a signal as soon as a line starts with `words`; exit code and what was said after."""
        process = self.start(*flags)
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith(words):
                process.send_signal(number)
                break
        said.append(process.stderr.read())
        return process.wait(timeout=300), "".join(said)


def checkpoint(workdir):
    """Step of the latest checkpoint, and its state."""
    mesh = data_mesh(jax.devices()[:1])
    abstract = abstract_state(
        create(model_config(NETWORK)), transformation(config_of().optim), mesh, fsdp=False
    )
    with Checkpoints(workdir, read_only=True) as checkpoints:
        step = checkpoints.latest_step()
        return step, jax.device_get(checkpoints.restore(step, abstract))
