"""What the gates of the interaction let through, stage by stage."""

from __future__ import annotations

import functools
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8
from matplotlib.figure import Figure

from smlnet_jax.errors import UserError
from smlnet_jax.figures.faces import Faces, Restored
from smlnet_jax.figures.grid import Cell, Row, Scale, cell_side, grid
from smlnet_jax.models import Model, ModelConfig
from smlnet_jax.models.baselines.sfmnet import SFMNetConfig
from smlnet_jax.ops.resize import upsample

# Paths of the modules that give the gates; SFMNet's last fusion of a stage gives them before the sigmoid.
_GATES: dict[type[ModelConfig] | type[SFMNetConfig], str] = {
    ModelConfig: r"\.msim\.interact\.gates$",
    SFMNetConfig: r"\.fuse\.1\.gates$",
}
_ORDER = ("encoder", "neck", "decoder")

Maps = dict[str, Float[np.ndarray, "n 2 h w"]]  # by stage, such as "encoder 1": gf and gs


def gate_maps(model: Any, params: Any, lr: UInt8[np.ndarray, "n h w 3"], size: int) -> Maps:
    """Means over channels of gf and gs in each stage, in the order of the data.

    Raises `UserError` that says why a network has none.
    """
    config = getattr(model, "config", None)
    if not isinstance(config, ModelConfig | SFMNetConfig) or getattr(config, "branches", "both") != "both":
        raise UserError("it has one branch")
    if isinstance(config, ModelConfig) and config.fusion not in ("gate", "sfim"):
        raise UserError(f"its fusion is {config.fusion}")
    found = _compute(model, params, lr, size)
    if not found:
        raise UserError("no stage has an MSIM")
    maps = {_stage(path): np.asarray(values) for path, values in found.items()}
    return dict(sorted(maps.items(), key=lambda item: (_ORDER.index(item[0].split()[0]), item[0])))


@functools.partial(jax.jit, static_argnames=("model", "size"))
def _compute(model: Model, params: Any, lr: UInt8[Array, "n h w 3"], size: int) -> dict[str, Array]:
    """By path. The compiler drops all that no gate depends on."""
    x = upsample(lr.astype(jnp.float32) / 255, size)
    pattern = next(p for kind, p in _GATES.items() if isinstance(model.config, kind))
    return {path: _means(out) for path, out in model.intermediates(params, x) if re.search(pattern, path)}


def _means(out: Any) -> Float[Array, "n 2 h w"]:
    gates = jnp.split(jax.nn.sigmoid(out), 2, -1) if isinstance(out, jax.Array) else out
    return jnp.stack([gate.astype(jnp.float32).mean(-1) for gate in gates], 1)


def _stage(path: str) -> str:
    part, number = path.split(".")[:2]
    return f"{part} {int(number) + 1}" if number.isdigit() else part


def gate_figure(network: Restored, faces: Faces, maps: Maps) -> Figure:
    """A row for gf and one for gs under each other, the face at their left; one scale for all."""
    values = np.concatenate([m.ravel() for m in maps.values()])
    low, high = np.floor(10 * values.min()) / 10, np.ceil(10 * values.max()) / 10
    titles = ["I_spa\n", *(f"{stage}\n{m.shape[3]}x{m.shape[2]}" for stage, m in maps.items())]
    rows = []
    for i in range(faces.shown):
        for gate, name in enumerate(("gf", "gs")):
            scale = Scale("viridis", low, max(high, low + 0.1), name)
            cells = [Cell(scale.paint(m[i, gate])) for m in maps.values()]
            face = None if gate else Cell(network.sr[i])
            rows.append(Row([face, *cells], "" if gate else faces.names[i], scale))
    return grid(titles, rows, cell_side(faces.size, 144))
