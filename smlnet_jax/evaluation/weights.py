"""From what a user calls weights to a model and its parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from smlnet_jax.errors import UserError
from smlnet_jax.models import Model, SelfEnsemble, create

SELF_ENSEMBLE = " (self-ensemble)"  # how the label of one ends


class Loaded(NamedTuple):
    label: str  # what tables and eval.json call it
    model: Model | None  # None: bicubic alone
    params: Any


def load(what: str, workdir: Path | str, *, self_ensemble: bool = False) -> Loaded:
    """`what` is a workdir, a pretrained name or folder, or `bicubic`; empty means `workdir` itself.

    Of a workdir it is the best checkpoint's averaged weights, in the model they were trained in. Raises
    `UserError` where there is nothing of that name, and for a self-ensemble without a network.
    """
    loaded = _load(what, workdir)
    if not self_ensemble:
        return loaded
    label, model, params = loaded
    if model is None:
        raise UserError("eval.self_ensemble asks a network twice, and bicubic is none; leave it out")
    if model.mirrors:
        raise UserError(
            f"eval.self_ensemble would change nothing: {label} makes the mirror image of its result for a "
            "mirrored face as it is (model.mirror); leave it out"
        )
    return Loaded(f"{label}{SELF_ENSEMBLE}", SelfEnsemble.of(model), params)


def _load(what: str, workdir: Path | str) -> Loaded:
    if what == "bicubic":
        return Loaded(what, None, {})
    if is_workdir(what or workdir):
        from smlnet_jax.training.checkpoint import load_weights

        config, params, _ = load_weights(Path(what or workdir))
        return Loaded(str(what or workdir), create(config), params)
    if not what:
        raise UserError(
            f"{workdir} holds no checkpoints; give the --workdir of a training run, or "
            "--config.eval.weights=WHAT: another workdir, pretrained weights, or bicubic"
        )
    from smlnet_jax.export.pretrained import load_pretrained

    model, params, _ = load_pretrained(what)
    return Loaded(what, model, params)


def is_workdir(what: Path | str) -> bool:
    return (Path(what) / "checkpoints").is_dir()
