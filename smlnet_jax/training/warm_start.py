"""A new run that starts from weights that were trained before, for fine-tuning."""

from __future__ import annotations

import dataclasses

from smlnet_jax.errors import UserError
from smlnet_jax.evaluation import weights
from smlnet_jax.models import Model, Params

_FREE = frozenset({"fft_impl", "dtype", "remat"})  # how a network computes, not which one it is


def pretrained_params(what: str, model: Model) -> Params:
    """Averaged weights for `model` of a workdir (its best checkpoint), a pretrained name or folder.

    Raises `UserError` where there are none, or where they are of another network.
    """
    found = weights.load(what, what)
    theirs, ours = found.model.config, model.config
    for field in dataclasses.fields(ours):
        old, new = getattr(theirs, field.name), getattr(ours, field.name)
        if old != new and field.name not in _FREE:
            raise UserError(
                f"train.init={what} holds weights of {theirs.name}, with model.{field.name}={old!r}, and "
                f"this run trains {ours.name}, with {new!r}; set the model as theirs is, or name others"
            )
    return found.params
