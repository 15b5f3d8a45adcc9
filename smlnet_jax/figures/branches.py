"""What each part of a trained network contributes: the same weights with that part silenced.

A part is silenced by setting parameters to zero, so that it is a pure function of them and the model knows
nothing of it:

    frequency branch   F = 0 throughout, and so is f in o = SFIM(f, s)
    spatial blocks     no head, and no SPB adds anything: S holds only what the MSIMs write into it
    MSIM               o is written into no branch: each runs by itself

It says what this network relies on. What one would score that was trained without the part is another
question, for an ablation to answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from smlnet_jax.errors import UserError
from smlnet_jax.figures.faces import Faces, Restored, restore, score
from smlnet_jax.figures.grid import Cell, Row, cell_side, grid
from smlnet_jax.models import ModelConfig, Params
from smlnet_jax.models.baselines.sfmnet import SFMNetConfig

# {part: which paths of parameters to zero}
PARTS: Mapping[type, Mapping[str, str]] = {
    ModelConfig: {
        "frequency branch": r"(^|\.)freq\.|\.frb\.|\.mfeb_freq\.project\.|\.beta$",
        "spatial blocks": r"^head\.spat\.|\.spb\.\d+\.conv\.",
        "MSIM": r"\.msim\.to_spat\.|\.msim\.beta$",
    },
    SFMNetConfig: {
        "frequency branch": r"^head_freq\.|\.freq\.|\.resample\.0\.|\.enter_freq\.|^tail_freq\.",
        "spatial blocks": r"^head_spat\.|\.spat\.\d+\.convs\.4\.",
    },
}


def parts(model: Any) -> Mapping[str, str]:
    """{part: pattern} of what can be silenced in a network. Raises `UserError` that says why nothing can."""
    config = getattr(model, "config", None)
    if not isinstance(config, tuple(PARTS)) or getattr(config, "branches", "both") != "both":
        raise UserError("it has one branch")
    known = next(patterns for kind, patterns in PARTS.items() if isinstance(config, kind))
    if isinstance(config, ModelConfig) and not config.msim_levels:
        return {part: pattern for part, pattern in known.items() if part != "MSIM"}
    return known


def silence(params: Params, pattern: str) -> Params:
    """The parameters, zero where `pattern` is found in the path, such as `encoder.0.msim.beta`."""

    def kept(path, leaf):
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        return jnp.zeros_like(leaf) if re.search(pattern, name) else leaf

    return jax.tree.map_with_path(kept, params)


def contributions(network: Restored, faces: Faces, patterns: Mapping[str, str]) -> dict[str, Restored]:
    """{part: what the network makes of the faces without it}; `patterns` as `parts` gives them."""
    return {
        part: restore(network.label, network.model, silence(network.params, pattern), faces)
        for part, pattern in patterns.items()
    }


def losses(
    network: Restored, without: Mapping[str, Restored], faces: Faces, protocol: str
) -> dict[str, Float[np.ndarray, " n"]]:
    """{part: PSNR in dB that each face loses without it}."""
    whole = score(network.sr, faces.hr, protocol)
    return {part: whole - score(silenced.sr, faces.hr, protocol) for part, silenced in without.items()}


def on_and_off(network: Restored, without: Mapping[str, Restored], faces: Faces, protocol: str) -> Figure:
    """HR, the whole network, the network without each part, I_fre; and bicubic, which is all of it off.

    Above each column stands its mean over all faces, below each picture its PSNR and what that face loses.
    """
    columns = {"I_spa, all parts on": network.sr}
    columns |= {f"without {part}": silenced.sr for part, silenced in without.items()}
    if network.fre is not None:
        columns["I_fre"] = network.fre
    columns["bicubic, all parts off"] = faces.bicubic
    scores = {title: score(images, faces.hr, protocol) for title, images in columns.items()}
    whole = scores["I_spa, all parts on"]
    titles = [f"{title}\n{_change(values, whole)}" for title, values in scores.items()]
    rows = []
    for i in range(faces.shown):
        pictures = zip(columns.values(), scores.values(), strict=True)
        cells = [Cell(images[i], _change(values[i : i + 1], whole[i : i + 1])) for images, values in pictures]
        rows.append(Row([Cell(faces.hr[i], f"PSNR ({protocol})"), *cells], faces.names[i]))
    return grid([f"HR\nmean PSNR, {len(faces.names)} faces", *titles], rows, cell_side(faces.size))


def _change(values: Float[np.ndarray, " n"], whole: Float[np.ndarray, " n"]) -> str:
    mean = f"{values.mean():.2f} dB"
    return mean if np.array_equal(values, whole) else f"{mean} ({(values - whole).mean():+.2f})"
