"""A new run that starts from weights that were trained before, for fine-tuning."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from smlnet_jax.errors import UserError
from smlnet_jax.export.pretrained import load_pretrained
from smlnet_jax.models import Model, Params
from smlnet_jax.training.checkpoint import FOLDER, load_weights

_FREE = frozenset({"fft_impl", "dtype", "remat"})  # how a network computes, not which one it is


def pretrained_params(what: str, model: Model) -> Params:
    """Averaged weights for `model` of a workdir (its best checkpoint), a pretrained name or folder.

    Raises `UserError` where there are none, or where they are of another network.
    """
    if (Path(what) / FOLDER).is_dir():
        theirs, params, _ = load_weights(what)
    else:
        pretrained = load_pretrained(what)
        theirs, params = pretrained.model.config, pretrained.params
    ours = model.config
    for field in dataclasses.fields(ours):
        old, new = getattr(theirs, field.name), getattr(ours, field.name)
        if old != new and field.name not in _FREE:
            raise UserError(
                f"train.init={what} holds weights of {theirs.name}, with model.{field.name}={old!r}, and "
                f"this run trains {ours.name}, with {new!r}; set the model as theirs is, or name others"
            )
    return params
