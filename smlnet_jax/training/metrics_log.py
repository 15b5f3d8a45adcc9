"""What a run said of itself: metrics.jsonl always, tensorboardX when installed, wandb when asked for."""

from __future__ import annotations

import contextlib
import json
import math
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from smlnet_jax.config import Config, to_dict
from smlnet_jax.errors import UserError
from smlnet_jax.files import put, write_text

Scalars = Mapping[str, float]


class Writer(Protocol):
    """Takes scalars by name, and closes."""

    def write(self, step: int, values: Scalars) -> None: ...

    def close(self) -> None: ...


class MetricsLog:
    """One row a call, to every writer there is; each row has `seconds`, the wall time of the run so far."""

    def __init__(self, writers: list[Writer], seconds_before: float = 0.0):
        self._writers = writers
        self._began = time.monotonic() - seconds_before

    def write(self, step: int, values: Scalars) -> None:
        row = {**values, "seconds": round(time.monotonic() - self._began, 3)}
        for writer in self._writers:
            writer.write(step, row)

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


def open_log(
    workdir: Path, config: Config, restored_step: int, *, unscored: bool = False, is_first: bool
) -> MetricsLog:
    """The log of a run that goes on after `restored_step`, 0 = anew, and if `unscored` with validating it.

    Rows of what is done again after a crash are cut off. Only the first process writes anything.
    """
    if not is_first:
        return MetricsLog([])
    path = workdir / "metrics.jsonl"
    try:
        seconds = cut_after(path, restored_step, unscored=unscored)
        writers: list[Writer] = [JsonLines(path)]
    except OSError as error:
        raise UserError(
            f"cannot write {path} ({error.strerror}); free it, or give another --workdir"
        ) from error
    if tensorboard := _tensorboard(workdir / "tensorboard", restored_step):
        writers.append(tensorboard)
    if config.train.wandb:
        writers.append(_wandb(workdir, config))
    return MetricsLog(writers, seconds)


def cut_after(path: Path, step: int, *, unscored: bool = False) -> float:
    """Keeps the rows up to `step`, so that none will be there twice, and returns their `seconds`.

    If `unscored`, that step's own validation goes. So does a line that a crash has left unfinished, or that
    is no row of ours.
    """
    kept, seconds = [], 0.0
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(row, dict) and row.get("step", math.inf) <= step:
            if unscored and row["step"] == step and any(name.startswith("val/") for name in row):
                continue
            kept.append(line + "\n")
            seconds = max(seconds, row.get("seconds", 0.0))
    put(path, "".join(kept).encode())
    return seconds


class JsonLines:
    """One JSON object a line, flushed line by line.

    A value that is not finite is null: JSON has no other word for it.
    """

    def __init__(self, path: Path):
        self._path = path
        self._file = path.open("a", encoding="utf-8")

    def write(self, step: int, values: Scalars) -> None:
        row = {name: value if math.isfinite(value) else None for name, value in values.items()}
        try:
            self._file.write(json.dumps({"step": step, **row}) + "\n")
            self._file.flush()
        except OSError as error:
            raise UserError(
                f"cannot write {self._path} ({error.strerror}); free some space and start the command again"
            ) from error

    def close(self) -> None:
        with contextlib.suppress(OSError):  # the rest of a row that did not fit: said when it was written
            self._file.close()


def _tensorboard(folder: Path, restored_step: int) -> Writer | None:
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        return None

    class TensorBoard:
        def __init__(self) -> None:
            self._writer = SummaryWriter(str(folder), purge_step=restored_step + 1)

        def write(self, step: int, values: Scalars) -> None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

        def close(self) -> None:
            self._writer.close()

    return TensorBoard()


def _wandb_id(workdir: Path) -> str:
    """That of the run in `workdir`, made once: runs of other workdirs may bear the same name."""
    file = workdir / "wandb_id"
    if not file.exists():
        write_text(file, secrets.token_hex(8))
    return file.read_text("utf-8")


def _wandb(workdir: Path, config: Config) -> Writer:
    try:
        import wandb
    except ImportError as error:
        raise UserError(
            f"train.wandb={config.train.wandb!r} needs wandb; `pip install 'smlnet-jax[log]'`, or set "
            "train.wandb to nothing"
        ) from error

    own_id = _wandb_id(workdir)

    class WandB:
        def __init__(self) -> None:
            try:
                self._run: Any = wandb.init(
                    project=config.train.wandb,
                    name=workdir.resolve().name,
                    id=own_id,
                    resume="allow",
                    dir=str(workdir),
                    config=to_dict(config),
                )
            except Exception as error:  # without a login, a network, or a project of that name
                reason = " ".join(str(error).split())
                raise UserError(
                    f"train.wandb={config.train.wandb!r}: wandb does not start ({reason}); `wandb login`, or "
                    "set train.wandb to nothing"
                ) from error

        def write(self, step: int, values: Scalars) -> None:
            self._run.log(dict(values), step=step)

        def close(self) -> None:
            self._run.finish()

    return WandB()
