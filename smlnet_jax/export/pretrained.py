"""Pretrained weights in and out: `save_pretrained`, `load_pretrained`, `available`."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import NamedTuple

from smlnet_jax.export import names, package
from smlnet_jax.export.card import Card
from smlnet_jax.export.names import available
from smlnet_jax.models import Model, Params

__all__ = ["Card", "Pretrained", "available", "load_card", "load_pretrained", "save_pretrained"]


class Pretrained(NamedTuple):
    """`model.apply(params, x)`; `card` says what they are and on which terms."""

    model: Model
    params: Params  # float32, on the default device
    card: Card


def load_pretrained(what: str | os.PathLike | None = None) -> Pretrained:
    """Model, parameters and card of a name, a folder or a hub id; by default those of the package.

    Everything is checked: SHA-256 of the files, names, shapes and dtypes against the model, and that every
    number is finite. Nothing is unpickled. float16 files become float32. Raises `UserError` in one sentence,
    with the file and the parameter at fault. See `names.find` for what a name means.
    """
    return Pretrained(*package.read(names.find(what)))


def load_card(what: str | os.PathLike | None = None) -> Card:
    """The card alone, of the same names; reads no weights."""
    return package.read_card(names.find(what))


def save_pretrained(
    folder: str | os.PathLike,
    model: Model,
    params: Params,
    card: Card,
    dtype: str = "float32",
    *,
    overwrite: bool = False,
) -> Card:
    """Writes a package into `folder`, whole or not at all, and returns the card as it was written.

    The card's model, dtype, parameters and MACs are filled in from `model` and `dtype` (float32 | float16).
    An existing package is replaced only with `overwrite`, and any other folder never. Raises `UserError` for
    weights that are not the model's, not finite, or too large for float16.
    """
    card = dataclasses.replace(
        card,
        model=model.config,
        dtype=dtype,
        parameters=model.param_count(),
        macs=model.macs(card.size, card.size),
    )
    package.write(Path(folder), model, params, card, overwrite=overwrite)
    return card
