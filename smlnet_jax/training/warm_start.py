"""A new run that starts from weights that were trained before, for fine-tuning."""

from __future__ import annotations

import dataclasses

from smlnet_jax.errors import UserError
from smlnet_jax.evaluation import weights
from smlnet_jax.export.package import flatten, unflatten
from smlnet_jax.models import Model, Params

# How a network computes, and what is done to its outputs: nothing of it is in the parameters.
_FREE = frozenset({"fft_impl", "dtype", "remat", "consistency"})


def pretrained_params(what: str, model: Model) -> Params:
    """Averaged weights for `model` of a workdir (its best checkpoint), a pretrained name or folder.

    Raises `UserError` where there are none, or where they are of another network.
    """
    loaded = weights.load(what, "")
    assert loaded.model is not None  # a config refuses bicubic
    theirs, ours = loaded.model.config, model.config
    for field in dataclasses.fields(ours):
        old, new = getattr(theirs, field.name), getattr(ours, field.name)
        if old != new and field.name not in _FREE:
            raise UserError(
                f"train.init={what} holds weights of {theirs.name}, with model.{field.name}={old!r}, and "
                f"this run trains {ours.name}, with {new!r}; set the model as theirs is, or name others"
            )
    return loaded.params


def fitting_params(what: str, model: Model, fresh: Params) -> tuple[Params, str]:
    """`fresh` parameters with those of another network in the places where path and shape agree.

    `what` as above. The sentence says how much that is. Raises `UserError` where there are no weights, where
    none fits, and where `model` has a symmetry that they have not: tied, they would be other weights.
    """
    loaded = weights.load(what, "")
    if model.mirrors and loaded.model is not None and not loaded.model.mirrors:
        raise UserError(
            f"train.init={what} holds weights without model.mirror, which mean nothing to a network with "
            "it; set model.mirror=False, or name others"
        )
    theirs, ours = flatten(loaded.params), flatten(fresh)
    fits = {path for path, array in ours.items() if path in theirs and theirs[path].shape == array.shape}
    if not fits:
        raise UserError(f"train.init={what} has no parameter that this network has too; name other weights")
    share = sum(ours[path].size for path in fits) / sum(array.size for array in ours.values())
    sentence = f"{share:.1%} of the parameters are from {what}; {len(ours) - len(fits)} arrays are new"
    taken = {path: theirs[path] if path in fits else array for path, array in ours.items()}
    return unflatten(taken), sentence
