"""Several processes as one program: each runs the same command, and `jax.devices()` is everybody's."""

from __future__ import annotations

import re

import jax

from smlnet_jax.config import TrainConfig
from smlnet_jax.errors import UserError


def initialize(config: TrainConfig) -> None:
    """Joins the other processes if `train.distributed` says that there are any; must come before any
    computation.

    On TPU pods, Slurm and Open MPI all of the addresses are found from the environment; elsewhere give
    train.coordinator, train.num_processes and train.process_id. Raises `UserError` if they are incomplete or
    nobody answers.
    """
    given = bool(config.coordinator), config.num_processes > 0, config.process_id >= 0
    if not config.distributed:
        if any(given):
            raise UserError(
                "train.coordinator, num_processes or process_id is set but train.distributed is not; "
                "add --config.train.distributed=True, or leave them out"
            )
        return
    if any(given) and not all(given):
        raise UserError(
            f"train.coordinator={config.coordinator!r}, num_processes={config.num_processes}, "
            f"process_id={config.process_id}: give all three, or none where the cluster's environment "
            "has them"
        )
    if all(given) and not re.fullmatch(r".+:\d+", config.coordinator):
        raise UserError(
            f"train.coordinator={config.coordinator!r} has no port; give HOST:PORT, such as "
            f"{config.coordinator}:1234, the same to every process"
        )
    if jax.distributed.is_initialized():
        return
    try:
        if all(given):
            # Without looking for a cluster: in what it finds, JAX may take one GPU of all for each process.
            jax.distributed.initialize(
                config.coordinator,
                config.num_processes,
                config.process_id,
                cluster_detection_method="deactivate",
            )
        else:
            jax.distributed.initialize()
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"the processes did not find each other ({' '.join(str(error).split())}); on a cluster that "
            "JAX does not know give train.coordinator=HOST:PORT, num_processes and process_id, and "
            "start all of them"
        ) from error


def is_first() -> bool:
    """Whether this process is the one that writes metrics and pictures."""
    return jax.process_index() == 0
