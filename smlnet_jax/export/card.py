"""What is known of a set of weights: the content of config.json, and the source of the page beside it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin, get_type_hints

from smlnet_jax.config import LR_KERNELS, stored_model_config
from smlnet_jax.errors import UserError
from smlnet_jax.models import NetworkConfig

FORMAT = 1  # of the folder; raise it when an older reader would misread a newer folder
DTYPES = {"float32": "F32", "float16": "F16"}  # ours, and safetensors' word for it
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # also a folder's name, never a path

CANONICAL_CROP = (
    "Five landmarks (eyes, nose, corners of the mouth) are brought to fixed places by the least-squares "
    "similarity; the eyes come to (0.375, 0.47) and (0.625, 0.47) of the side."
)
CELEBA_TERMS = "CelebA: non-commercial research only, by its terms; the photographs belong to their owners"


@dataclass(frozen=True)
class Point:
    """One point of a learning curve."""

    step: int
    value: float


@dataclass(frozen=True)
class Training:
    """How the weights came to be. Empty and 0 mean: not recorded."""

    data: str = ""  # what was trained on
    steps: int = 0  # updates before these weights were saved
    batch_size: int = 0
    hours: float = 0.0  # wall time up to that step
    hardware: str = ""
    seed: int = 0
    revision: str = ""  # of the code that trained: version or git commit
    command: str = ""
    chosen: str = ""  # why this checkpoint and no other
    curve: tuple[Point, ...] = ()
    curve_of: str = ""  # the metric that the curve shows
    recipe: Mapping[str, Any] = field(default_factory=dict)  # data, optim, loss and train of the run's config


@dataclass(frozen=True)
class Speed:
    """One timing of the forward pass, compiled, at the card's size."""

    device: str
    batch: int
    milliseconds: float  # an image


@dataclass(frozen=True)
class Licences:
    """Terms of the three things that a package is made of."""

    code: str = "Apache-2.0"
    weights: str = "not stated; ask whoever trained them"
    data: str = "not stated"


@dataclass(frozen=True)
class Card:
    """Everything that a user of the weights should know; immutable, JSON without loss.

    `scores` is the content of "datasets" in eval.json: data set -> {"n", "protocols": {protocol: {"psnr",
    "ssim"}}, "bicubic": {the same}, and maybe "identity": {"model", "bicubic"}}.
    """

    name: str
    model: NetworkConfig
    size: int = 128  # side of what the network restores, in pixels
    scale: int = 8  # it was trained to restore size / scale to size
    lr_kernel: str = "pil_bicubic"
    dtype: str = "float32"  # of the file; weights are float32 once loaded
    crop: str = CANONICAL_CROP
    parameters: int = 0
    macs: int = 0  # multiply-accumulates for one image of `size`
    speed: tuple[Speed, ...] = ()
    training: Training = field(default_factory=Training)
    scores: Mapping[str, Any] = field(default_factory=dict)
    licences: Licences = field(default_factory=Licences)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise UserError(
                f"{self.name!r} is no name for weights; use letters, digits, '_', '-' and '.', "
                "such as smlnet_lite_x8"
            )
        if self.lr_kernel not in LR_KERNELS:
            raise UserError(f"lr_kernel={self.lr_kernel!r} is unknown; choose one of {', '.join(LR_KERNELS)}")
        if self.dtype not in DTYPES:
            raise UserError(f"dtype={self.dtype!r} cannot be stored; choose one of {', '.join(DTYPES)}")
        if self.size < 1 or self.scale < 1 or self.size % self.scale:
            raise UserError(f"scale={self.scale} must divide size={self.size}, and both must be above 0")
        if self.size % self.model.stride:
            raise UserError(
                f"size={self.size} must be divisible by {self.model.stride}, the stride of {self.model.name}"
            )

    def to_json(self) -> str:
        """The text of config.json. NaN and infinity have no place in it."""
        return json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, indent=1, allow_nan=False) + "\n"


def card_from_json(text: str | bytes, where: str) -> Card:
    """Reads config.json back. Raises `UserError`, beginning with `where`, for anything but a card."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, or a thousand brackets deep
        raise UserError(f"{where} is not JSON ({error}); export the weights again") from error
    version = values.pop("format", None) if isinstance(values, dict) else None
    if not isinstance(version, int):
        raise UserError(f"{where} is not a card of weights: it has no format version")
    if version > FORMAT:
        raise UserError(
            f"{where} has format {version}, this smlnet_jax reads {FORMAT}; read it with a newer smlnet_jax"
        )
    try:
        return _typed(Card, values, "")
    except UserError as error:
        raise UserError(f"{where} is not a card of weights: {error}") from error


def _typed(kind: Any, value: Any, path: str) -> Any:
    """JSON's `value` as the `kind` of a field's annotation; raises `UserError` that names the field."""
    if kind is NetworkConfig and isinstance(value, dict):
        return stored_model_config(value)
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        hints = get_type_hints(kind)
        for key in value.keys() - hints.keys():
            raise UserError(f"{path}{key} is unknown")
        for part in dataclasses.fields(kind):
            required = part.default is part.default_factory is dataclasses.MISSING
            if required and part.name not in value:
                raise UserError(f"{path}{part.name} is missing")
        return kind(**{key: _typed(hints[key], each, f"{path}{key}.") for key, each in value.items()})  # type: ignore[operator]
    if get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_typed(get_args(kind)[0], each, path) for each in value)
    if get_origin(kind) is Mapping and isinstance(value, dict):
        return value
    if kind is float and type(value) in (int, float):
        return float(value)
    if type(value) is kind:  # not isinstance: true is no integer here
        return value
    raise UserError(f"{path.rstrip('.')}={value!r} must be {getattr(kind, '__name__', kind)}")
