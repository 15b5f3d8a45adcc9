"""Where arrays live: one mesh axis, `data`, one rule for parameters, one for batches.

The batch is split over `data`. Parameters, optimizer state and average are replicated (data parallel) or,
under FSDP, split over the same axis. XLA writes the collectives; the step does not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, UInt8

from smlnet_jax.config import TrainConfig
from smlnet_jax.errors import UserError

SMALL = 2**12  # elements; gathering less than this at every use costs more than keeping it


def data_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """All devices of all processes (or the given ones) along `data`.

    Auto axes: under the Explicit ones, JAX's default, every convolution and reshape of a sharded array would
    have to say how its result is laid out.
    """
    devices = jax.devices() if devices is None else devices
    return jax.make_mesh((len(devices),), ("data",), axis_types=(AxisType.Auto,), devices=devices)


def fsdp_spec(shape: tuple[int, ...], shards: int) -> PartitionSpec:
    """The FSDP rule: split the largest dimension that divides evenly; what is small or divides nowhere is
    replicated.
    """
    if np.prod(shape) < SMALL:
        return PartitionSpec()
    sizes = [size if size % shards == 0 else 0 for size in shape]
    if not any(sizes):
        return PartitionSpec()
    axis = len(sizes) - 1 - int(np.argmax(sizes[::-1]))  # of equals the last: output channels
    return PartitionSpec(*(None,) * axis, "data")


def state_shardings(state: Any, mesh: Mesh, *, fsdp: bool) -> Any:
    """A sharding for each leaf of a state (arrays or their shapes)."""
    return jax.tree.map(
        lambda leaf: NamedSharding(mesh, fsdp_spec(leaf.shape, mesh.size) if fsdp else PartitionSpec()), state
    )


def place_batch(images: UInt8[np.ndarray, "local h w 3"], mesh: Mesh) -> UInt8[Array, "b h w 3"]:
    """The global batch, split over `data`, from the part of it that this process has read."""
    return jax.make_array_from_process_local_data(NamedSharding(mesh, PartitionSpec("data")), images)


def check_batch(config: TrainConfig, devices: int) -> None:
    """Raises `UserError` unless every device gets equally many images of every micro-batch."""
    parts = devices * config.accumulate
    if config.batch_size % parts:
        below, above = config.batch_size // parts * parts, -(-config.batch_size // parts) * parts
        fitting = f"{below} or {above}" if below else f"{above}"
        micro = f" x {config.accumulate} micro-batches" if config.accumulate > 1 else ""
        raise UserError(
            f"train.batch_size={config.batch_size} does not divide over {devices} devices{micro}; "
            f"--config.train.batch_size={fitting} does"
        )


def to_host(tree: Any) -> Any:
    """Whole arrays in this process's memory, wherever their shards lie; with several processes all must call
    it.
    """
    return jax.tree.map(
        lambda x: np.asarray(
            x if x.is_fully_addressable else multihost_utils.process_allgather(x, tiled=True)
        ),
        tree,
    )
