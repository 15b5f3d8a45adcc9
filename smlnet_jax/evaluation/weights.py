"""From what a user calls weights to a model and its parameters."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from smlnet_jax.errors import UserError
from smlnet_jax.models import Model, SelfEnsemble, create

SELF_ENSEMBLE = " (self-ensemble)"  # how the label of one ends


class Loaded(NamedTuple):
    label: str  # what tables and eval.json call it
    model: Model | None  # None: bicubic alone
    params: Any
    data: Mapping[str, Any] = MappingProxyType({})  # scale and lr_kernel that they were trained with
    own: bool = False  # whether they are those of the workdir


def load(what: str, workdir: Path | str, *, self_ensemble: bool = False) -> Loaded:
    """`what` is a workdir, a pretrained name or folder, or `bicubic`; empty means `workdir` itself.

    Of a workdir it is the best checkpoint's averaged weights, in the model they were trained in. Raises
    `UserError` where there is nothing of that name, and for a self-ensemble without a network.
    """
    loaded = _load(what, workdir)
    if not self_ensemble:
        return loaded
    label, model = loaded.label, loaded.model
    if model is None:
        raise UserError("eval.self_ensemble asks a network twice, and bicubic is none; leave it out")
    if model.mirrors:
        raise UserError(
            f"eval.self_ensemble would change nothing: {label} makes the mirror image of its result for a "
            "mirrored face as it is (model.mirror); leave it out"
        )
    return loaded._replace(label=f"{label}{SELF_ENSEMBLE}", model=SelfEnsemble.of(model))


def trained_otherwise(loaded: Loaded, **now: Any) -> Iterator[str]:
    """Of `scale` and `lr_kernel` those that the weights were trained with another of: one line each."""
    differs = {key: value for key, value in now.items() if loaded.data.get(key, value) != value}
    for key, value in differs.items():
        yield f"the weights were trained with data.{key}={loaded.data[key]}, and are used with {value}"
    if differs and _consistency(loaded):
        yield "so model.consistency, which is for the LR that they were trained on, is off"


def on_lr(loaded: Loaded, scale: int, lr_kernel: str) -> Loaded:
    """With consistency off where LR is not what it is for: SR would be moved to what reduces to another."""
    if _consistency(loaded) in (0, scale if lr_kernel == "pil_bicubic" else 0):
        return loaded
    assert loaded.model is not None  # it has consistency
    config = dataclasses.replace(loaded.model.config, consistency=0)
    return loaded._replace(model=dataclasses.replace(loaded.model, config=config))


def _consistency(loaded: Loaded) -> int:
    config = getattr(loaded.model, "config", None)  # bicubic has none
    return getattr(config, "consistency", 0)


def _load(what: str, workdir: Path | str) -> Loaded:
    what = os.path.expanduser(what)  # noqa: PTH111  a name is no path; a shell leaves --flag=~/x alone
    if what == "bicubic":
        return Loaded(what, None, {})
    if is_workdir(what or workdir):
        from smlnet_jax.training.checkpoint import load_weights

        config, params, info = load_weights(Path(what or workdir))
        own = Path(what or workdir).resolve() == Path(workdir).resolve()
        return Loaded(str(what or workdir), create(config), params, info["config"].get("data", {}), own)
    if not what:
        raise UserError(
            f"{workdir} holds no checkpoints; give the --workdir of a training run, or "
            "--config.eval.weights=WHAT: another workdir, pretrained weights, or bicubic"
        )
    from smlnet_jax.export.pretrained import load_pretrained

    model, params, card = load_pretrained(what)
    return Loaded(what, model, params, {"scale": card.scale, "lr_kernel": card.lr_kernel})


def is_workdir(what: Path | str) -> bool:
    return (Path(what) / "checkpoints").is_dir()
