"""Why a run that no longer gives finite numbers was stopped."""

from __future__ import annotations

import jax

from smlnet_jax.data.pipeline import Batch
from smlnet_jax.errors import UserError
from smlnet_jax.models import Model, Params
from smlnet_jax.training.report import Dispatched
from smlnet_jax.training.sharding import to_host
from smlnet_jax.training.step import Images, network_input


class Diverged(UserError):
    """A run that no longer gives finite numbers; started again, it would do the same."""


def diverged(
    model: Model, params: Params, last: Dispatched, bad_in_row: int, *, saved: int | None
) -> Diverged:
    """The error to raise: step, files of the batch, the module whose output was first not finite, and what is
    left.

    `params` are those that gave the last, not finite, update: it has not changed them. Every process of a run
    must call it; each names its own part of the batch.
    """
    kept = f"the checkpoint of step {saved} is intact" if saved else "there is no checkpoint yet"
    return Diverged(
        f"loss or gradient was not finite in {bad_in_row} updates in a row, the last at step {last.step} on "
        f"{', '.join(last.batch.names)}; {_culprit(model, to_host(params), last.batch)}; {kept}: look at "
        "those images, or lower --config.optim.lr in another --workdir"
    )


def _culprit(model: Model, params: Params, batch: Batch) -> str:
    """Image by image, eagerly: slow, but it names the one."""
    for name, hr, lr in zip(batch.names, batch.hr, batch.lr, strict=True):
        x = network_input(Images(jax.numpy.asarray(hr[None]), jax.numpy.asarray(lr[None])))
        if module := model.first_nonfinite(params, x):
            return f"the first module with such an output was {module}, on {name}"
    return "every module's output is finite, so it is the gradient"
