"""What must be the same when a run goes on, and the record of what it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from smlnet_jax.config import Config, from_config_dict, to_dict
from smlnet_jax.errors import UserError
from smlnet_jax.files import write_json

# What may differ between the parts of one run: where the data lies, when something is written, how long it
# goes on, and what changes results by rounding at most. Anything else would make one curve of two
# experiments.
MAY_CHANGE = frozenset(
    {
        "data.train", "data.val", "data.threads",
        "model.fft_impl", "model.remat",
        "train.steps", "train.log_every", "train.val_every", "train.save_every",
        "train.keep", "train.max_bad_steps", "train.wandb",
        "train.accumulate", "train.fsdp", "train.distributed", "train.coordinator", "train.num_processes",
        "train.process_id",
    }
)  # fmt: skip


def check_same_run(recorded: Mapping[str, Any], config: Config, workdir: Path) -> None:
    """Raises `UserError` that names the first key in which a checkpoint's config differs from this run's."""
    sections = ("model", "data", "optim", "loss", "train")  # eval is not of the run
    if differs := first_difference(from_config_dict(recorded, stored=True), config, sections, MAY_CHANGE):
        key, old, new = differs
        raise UserError(
            f"{workdir} holds a run with {key}={old!r}, and this config says {new!r}; set it back to go on, "
            "or start anew in another --workdir"
        )


def first_difference(
    before: Config, now: Config, sections: Sequence[str], may_change: Container[str]
) -> tuple[str, Any, Any] | None:
    """Key and both values of the first field that differs and is not in `may_change`.

    Networks of two kinds differ in their name, the first field of all.
    """
    for section in sections:
        old, new = getattr(before, section), getattr(now, section)
        for field in dataclasses.fields(old):
            key, values = f"{section}.{field.name}", (getattr(old, field.name), getattr(new, field.name))
            if values[0] != values[1] and key not in may_change:
                return key, *values
    return None


def write_config(config: Config, workdir: Path) -> None:
    """Writes workdir/config.json, whole or not at all; `from_config_dict` reads it back."""
    write_json(workdir / "config.json", to_dict(config))
