"""Checkpoints: written while training goes on, whole or not at all; the latest and the best are kept.

    workdir/checkpoints/<step>/{params, opt_state, ema, counters, data, config, metrics}

Orbax's CheckpointManager stays behind this file.
"""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
from absl import logging
from jax.experimental import multihost_utils
from orbax.checkpoint import checkpoint_managers as policies
from orbax.checkpoint.checkpoint_manager import METRIC_ITEM_NAME

from smlnet_jax.config import Config, stored_model_config, to_dict
from smlnet_jax.errors import UserError
from smlnet_jax.files import write_json
from smlnet_jax.models import NetworkConfig, Params, create
from smlnet_jax.training.state import TrainState

FOLDER = "checkpoints"
_SCORE = "val_psnr"
_BESIDES = 2**20  # bytes of a checkpoint that are not arrays, and then some
_COUNTERS = ("step", "bad_in_row", "bad_total")


def _quality(metrics: Mapping[str, float | None]) -> float:
    """Validation PSNR; a checkpoint that was not validated, or gave no number, is never better than one that
    was.
    """
    score = metrics.get(_SCORE)
    return float("-inf") if score is None else score


class Checkpoints:
    """The checkpoints of one run. All processes call the same methods at the same steps."""

    def __init__(self, workdir: Path, keep: int = 1, *, read_only: bool = False):
        """Opens `workdir`/checkpoints; to write, makes it, and clears away what a killed process left."""
        self._folder, self._keep = workdir.resolve() / FOLDER, keep  # Orbax takes absolute paths only
        # best_step() reads best_fn and knows nothing of the policy, which alone decides what is kept.
        best = policies.BestN(get_metric_fn=_quality, n=1, keep_checkpoints_without_metrics=False)
        options = ocp.CheckpointManagerOptions(
            preservation_policy=policies.AnyPreservationPolicy([policies.LatestN(keep), best]),
            best_fn=_quality,
            best_mode="max",
            create=not read_only,
            save_interval_steps=0 if read_only else 1,
            cleanup_tmp_directories=not read_only,
            read_only=read_only,
        )
        with self._told("opened"), _without_warnings(if_=read_only):  # Orbax warns of what was asked for
            self._orbax = ocp.CheckpointManager(self._folder, options=options)

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.wait()
            self._orbax.close()
        else:
            with contextlib.suppress(Exception):  # the error on its way out is the one to hear of
                self._orbax.close()

    def latest_step(self) -> int | None:
        """Step of the latest complete checkpoint, None without any."""
        return self._orbax.latest_step()

    def best_step(self) -> int | None:
        """Step of the checkpoint of the highest validation PSNR; of the latest if none was validated."""
        return self._orbax.best_step()

    def save(self, step: int, state: TrainState, config: Config) -> None:
        """Copies the state to the host and returns; a thread writes it. A step that is there is left alone.

        Raises `UserError` if this checkpoint, or the one before, cannot be written; complete ones are intact.
        """
        if step in self._orbax.all_steps():
            return
        self._check_space(state)
        data = {"next_batch": step, "seed": config.train.seed, "source": config.data.train}
        items = ocp.args.Composite(
            params=ocp.args.StandardSave(state.params),
            opt_state=ocp.args.StandardSave(state.opt_state),
            ema=ocp.args.StandardSave(state.ema),
            counters=ocp.args.StandardSave({name: getattr(state, name) for name in _COUNTERS}),
            data=ocp.args.JsonSave(data),
            config=ocp.args.JsonSave(to_dict(config)),
        )
        with self._told(f"written at step {step}"):
            self._orbax.save(step, args=items, metrics={}, force=True)

    def score(self, step: int, val_psnr: float) -> None:
        """Notes the validation PSNR of a checkpoint, once it is on disk; of NaN, that it was none. Raises as
        `save`.
        """
        self.wait()
        noted = val_psnr if math.isfinite(val_psnr) else None
        best_before = self.best_step()
        if jax.process_index() == 0:  # Orbax takes metrics with a save alone, and validation comes after it
            write_json(self._folder / str(step) / METRIC_ITEM_NAME / METRIC_ITEM_NAME, {_SCORE: noted})
        multihost_utils.sync_global_devices(f"score of step {step} is written")
        with self._told(f"scored at step {step}"):
            self._orbax.reload()
            multihost_utils.sync_global_devices(f"score of step {step} is read")  # before anything is deleted
            if not self.is_scored(step) or self.val_psnr(step) != noted:
                raise RuntimeError("this Orbax keeps scores elsewhere; install orbax-checkpoint 0.12")
            needed = {self.best_step(), *sorted(self._orbax.all_steps())[-self._keep :]}
            if best_before is not None and best_before not in needed:
                self._orbax.delete(best_before)

    def wait(self) -> None:
        """Returns once all that was saved is on disk. Raises as `save`."""
        with self._told("written"):
            self._orbax.wait_until_finished()

    def config(self, step: int) -> dict[str, Any]:
        """The config of the run at that checkpoint, as `from_config_dict` reads it."""
        return self._restore(step, config=ocp.args.JsonRestore())["config"]

    def next_batch(self, step: int) -> int:
        """Where in the data the run goes on."""
        return self._restore(step, data=ocp.args.JsonRestore())["data"]["next_batch"]

    def restore(self, step: int, abstract: TrainState) -> TrainState:
        """The state of a checkpoint, laid out as `abstract` is, on however many devices that may be."""
        found = self._restore(
            step,
            params=ocp.args.StandardRestore(abstract.params),
            opt_state=ocp.args.StandardRestore(abstract.opt_state),
            ema=ocp.args.StandardRestore(abstract.ema),
            counters=ocp.args.StandardRestore({name: getattr(abstract, name) for name in _COUNTERS}),
        )
        return TrainState(
            params=found["params"], opt_state=found["opt_state"], ema=found["ema"], **found["counters"]
        )

    def ema(self, step: int, abstract: Params) -> Params:
        """The averaged weights alone."""
        return self._restore(step, ema=ocp.args.StandardRestore(abstract))["ema"]

    def is_scored(self, step: int) -> bool:
        """Whether the checkpoint was validated, be it that it gave no number."""
        return _SCORE in (self._orbax.metrics(step) or {})

    def val_psnr(self, step: int) -> float | None:
        """Validation PSNR of a checkpoint, None if it was not validated or gave no number."""
        return (self._orbax.metrics(step) or {}).get(_SCORE)

    def _check_space(self, state: TrainState) -> None:
        """Asks before it writes: on a full disk Orbax's threads fail one by one, with a traceback each."""
        needed = sum(leaf.nbytes for leaf in jax.tree.leaves(state)) + _BESIDES
        free = shutil.disk_usage(self._folder).free
        if free < needed:
            raise UserError(
                f"{self._folder} has {free / 1e6:,.1f} MB of free space and a checkpoint may take "
                f"{needed / 1e6:,.1f}; complete ones are intact: free some, and start the same command again"
            )

    def _restore(self, step: int, **items: ocp.args.CheckpointArgs) -> Any:
        try:
            return self._orbax.restore(step, args=ocp.args.Composite(**items))
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise UserError(
                f"the checkpoint {self._folder / str(step)} cannot be read ({_first_line(error)}): it is "
                "damaged, or of another version of the model; delete that folder to go on from the one "
                "before it"
            ) from error

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Failures of storage come as many types, from Orbax's threads and from TensorStore."""
        try:
            yield
        except (OSError, ValueError, RuntimeError) as error:
            raise UserError(
                f"checkpoints in {self._folder} cannot be {what} ({_first_line(error)}); complete ones "
                "are intact: free some space, or correct the path, and start the same command again"
            ) from error


@contextlib.contextmanager
def _without_warnings(*, if_: bool) -> Iterator[None]:
    level = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR if if_ else level)
    try:
        yield
    finally:
        logging.set_verbosity(level)


def load_weights(workdir: Path | str, which: str = "best") -> tuple[NetworkConfig, Params, dict[str, Any]]:
    """The averaged weights of a run, `best` (by validation PSNR) or `latest`.

    Returns the config of the model, its parameters on the default device, and {"step": ..., "val_psnr": ...
    or None, "config": the run's whole config as plain values}. Raises `UserError` if there is no checkpoint.
    """
    workdir = Path(workdir)
    if which not in ("best", "latest"):
        raise UserError(f"checkpoint {which!r} is unknown; choose best or latest")
    if not (workdir / FOLDER).is_dir():
        raise UserError(f"{workdir} holds no checkpoints; give the --workdir of a training run")
    with Checkpoints(workdir, read_only=True) as checkpoints:
        step = checkpoints.best_step() if which == "best" else checkpoints.latest_step()
        if step is None:
            raise UserError(
                f"{workdir / FOLDER} holds no complete checkpoint yet; let the run reach its first save"
            )
        config = checkpoints.config(step)
        model = create(stored_model_config(config["model"]))
        device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        abstract = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device),
            jax.eval_shape(model.init, jax.random.key(0)),
        )
        # Taken off that device's hands again: uncommitted arrays go wherever the batch is.
        params = jax.tree.map(lambda x: jnp.asarray(jax.device_get(x)), checkpoints.ema(step, abstract))
        return model.config, params, {"step": step, "val_psnr": checkpoints.val_psnr(step), "config": config}


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]
