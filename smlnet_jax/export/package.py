"""The folder that weights travel in, written whole and read with suspicion.

config.json         the card: model, size, scale, LR kernel, training, scores, terms
model.safetensors   float32 or float16; names are the parameters' paths, joined with '.'
README.md           the card as a page; may be edited, is never read
SHA256SUMS          of the first two, as `sha256sum -c` wants it
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax
import numpy as np
import safetensors
import safetensors.numpy

from smlnet_jax.errors import UserError
from smlnet_jax.export.card import DTYPES, Card, card_from_json
from smlnet_jax.export.folder import whole_folder
from smlnet_jax.export.page import page
from smlnet_jax.models import Model, Params, create

CARD, WEIGHTS, PAGE, SUMS = "config.json", "model.safetensors", "README.md", "SHA256SUMS"
FILES = (CARD, WEIGHTS, PAGE, SUMS)
SUMMED = (CARD, WEIGHTS)

Folder = Path | Traversable  # a folder on disk, or inside the installed package


def write(folder: Path, model: Model, params: Params, card: Card, *, overwrite: bool = False) -> None:
    """Writes the package of `params`, stored as `card.dtype`.

    `folder` appears whole or not at all. Raises UserError where it holds something already, and for weights
    that are not finite, not the model's, or beyond the range of float16.
    """
    check_free(folder, overwrite)
    weights = _encode(params, card.dtype)
    _decode(weights, card, model, "these weights")  # nothing is written that could not be read
    contents = {CARD: card.to_json().encode(), WEIGHTS: weights, PAGE: page(card, len(weights)).encode()}
    contents[SUMS] = "".join(f"{_sha256(contents[name])}  {name}\n" for name in SUMMED).encode()
    with whole_folder(folder, replace=overwrite) as new:
        for name, content in contents.items():
            (new / name).write_bytes(content)


def check_free(folder: Path, overwrite: bool = False) -> None:
    """Raises UserError unless `folder` is absent, empty, or (to overwrite) a package and nothing else."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{folder} is a file; give the folder to write the weights into")
    found = {path.name for path in folder.iterdir()}
    if found - set(FILES):
        raise UserError(
            f"{folder} holds other files ({min(found - set(FILES))}); give a folder of its own to the weights"
        )
    if found and not overwrite:
        raise UserError(f"{folder} holds weights already; choose another folder, or add --overwrite")


def read_card(folder: Folder) -> Card:
    """The card alone, checked against SHA256SUMS."""
    return card_from_json(_checked(folder, CARD), f"{folder / CARD}")


def read(folder: Folder) -> tuple[Model, Params, Card]:
    """Model, float32 parameters (on the default device) and card of a package.

    Raises UserError, naming the file and the parameter at fault, for a missing, truncated or changed file,
    names or shapes that are not the model's, another dtype than the card's, and numbers that are not finite.
    Nothing in the folder is ever executed or unpickled.
    """
    card = read_card(folder)
    model = create(card.model)
    return model, _decode(_checked(folder, WEIGHTS), card, model, f"{folder / WEIGHTS}"), card


def is_package(folder: Folder) -> bool:
    return all((folder / name).is_file() for name in (*SUMMED, SUMS))


def _checked(folder: Folder, name: str) -> bytes:
    """A file's content, which is what SHA256SUMS says."""
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; give one that `smlnet export` has written")
    for needed in (*SUMMED, SUMS):
        if not (folder / needed).is_file():
            raise UserError(f"{folder} has no {needed}; give a folder that `smlnet export` has written")
    lines = (folder / SUMS).read_bytes().decode(errors="replace").splitlines()
    sums = {named: digest for digest, _, named in (line.partition("  ") for line in lines)}
    if name not in sums:
        raise UserError(f"{folder / SUMS} has no line for {name}; fetch or export the weights again")
    content = (folder / name).read_bytes()
    if _sha256(content) != sums[name].lower():
        raise UserError(f"{folder / name} {_damage(name, content)}; fetch or export the weights again")
    return content


def _damage(name: str, content: bytes) -> str:
    """What is wrong with a file whose checksum is."""
    if name == WEIGHTS:
        try:
            safetensors.deserialize(content)
        except safetensors.SafetensorError as error:
            return f"is cut short or damaged ({len(content)} bytes; {_reason(error)})"
    return f"was changed: its SHA-256 begins with {_sha256(content)[:12]}, {SUMS} says otherwise"


def _encode(params: Params, dtype: str) -> bytes:
    tensors = {}
    for name, value in flatten(params).items():
        exact = np.asarray(value, np.float32)
        with np.errstate(over="ignore"):
            stored = exact.astype(dtype, order="C")
        if not np.isfinite(stored).all() and np.isfinite(exact).all():
            raise UserError(
                f"{name} reaches {np.abs(exact).max():.3g}, more than float16 can hold; export as float32"
            )
        tensors[name] = stored
    return safetensors.numpy.save(tensors)


def _decode(content: bytes, card: Card, model: Model, where: str) -> Params:
    """Parameters of `model` from a safetensors file, checked one by one."""
    try:
        stored = dict(safetensors.deserialize(content))
    except safetensors.SafetensorError as error:
        raise UserError(
            f"{where}: not a safetensors file ({_reason(error)}); fetch or export it again"
        ) from error
    wanted = shapes(model)
    for name in sorted(wanted.keys() ^ stored.keys()):
        fault = "is missing" if name in wanted else "is no parameter"
        raise UserError(f"{where}: {name} {fault} of {_described(card)}; these are weights of another model")
    params = {}
    for name, shape in wanted.items():
        tensor = stored[name]
        if tuple(tensor["shape"]) != shape:
            raise UserError(
                f"{where}: {name} has shape {tuple(tensor['shape'])}, {_described(card)} wants {shape}; "
                "these are weights of another model"
            )
        if tensor["dtype"] != DTYPES[card.dtype]:
            raise UserError(
                f"{where}: {name} is stored as {tensor['dtype']}, the card says {card.dtype}; export it again"
            )
        value = np.frombuffer(tensor["data"], np.dtype(card.dtype).newbyteorder("<")).reshape(shape)
        if not np.isfinite(value).all():
            raise UserError(f"{where}: {name} holds NaN or infinity; these weights are broken, use others")
        params[name] = value.astype(np.float32)
    return jax.device_put(unflatten(params))


@functools.lru_cache(maxsize=32)
def shapes(model: Model) -> Mapping[str, tuple[int, ...]]:
    """Shapes of a model's parameters by their path; traced once, which takes half a second."""
    abstract = flatten(jax.eval_shape(model.init, jax.random.key(0)))
    return MappingProxyType({name: leaf.shape for name, leaf in abstract.items()})


def flatten(params: Any) -> dict[str, Any]:
    """Leaves of nested dicts by their path, joined with '.'."""
    leaves = jax.tree.leaves_with_path(params)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def unflatten(flat: dict[str, Any]) -> Params:
    """The inverse of `flatten`."""
    nested: Params = {}
    for name, leaf in flat.items():
        *parents, last = name.split(".")
        level = nested
        for parent in parents:
            level = level.setdefault(parent, {})
        level[last] = leaf
    return nested


def _described(card: Card) -> str:
    return f"the model in the card ({card.model.name})"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _reason(error: Exception) -> str:
    return str(error).removeprefix("Error while deserializing: ")
