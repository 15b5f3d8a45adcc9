"""The program's configuration: frozen, validated dataclasses.

A recipe in configs/ is an `ml_collections.ConfigDict`, because its users override it from the command line.
It becomes a `Config` once, at the door (`from_config_dict`); nothing further inside sees a ConfigDict.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_type_hints

from smlnet_jax.errors import UserError
from smlnet_jax.models import NETWORKS, NetworkConfig

LR_KERNELS = ("pil_bicubic", "matlab_bicubic", "area", "blind")
PROTOCOLS = ("sfmnet", "sparnet", "basicsr", "rgb")
SCALES = (2, 4, 8, 16)

_BLIND_BOUNDS = {"blind_blur": (0, 100), "blind_noise": (0, 1), "blind_jpeg": (1, 100)}


@dataclass(frozen=True)
class DataConfig:
    """Where faces come from and how LR is made of them. docs/data.md has the formats and the blind ranges."""

    train: str = ""  # a folder of images or ArrayRecords, tfds:NAME, or astronaut:train
    val: str = ""
    size: int = 128  # side of the HR crop
    scale: int = 8
    lr_kernel: str = "pil_bicubic"  # pil_bicubic | matlab_bicubic | area | blind
    blind_blur: tuple[float, ...] = (0.2, 3.0)  # Gaussian sigma, HR pixels
    blind_noise: tuple[float, ...] = (0.0, 0.06)  # Gaussian sigma, of 1
    blind_jpeg: tuple[int, ...] = (50, 95)  # quality
    hflip: bool = True
    zoom: tuple[float, ...] = (1.0, 1.3)  # random crop of size / zoom, brought back to size; (1, 1) = off
    threads: int = 2  # decoding threads of this process

    def __post_init__(self) -> None:
        _one_of("data.scale", self.scale, SCALES)
        _one_of("data.lr_kernel", self.lr_kernel, LR_KERNELS)
        if self.size % self.scale:
            raise UserError(
                f"data.scale={self.scale} does not divide data.size={self.size}; pick a size that it does"
            )
        for name in ("zoom", "blind_blur", "blind_noise", "blind_jpeg"):
            bounds = getattr(self, name)
            if len(bounds) != 2 or bounds[0] > bounds[1]:
                raise UserError(f"data.{name}={bounds} must be (low, high)")
        if self.zoom[0] < 1:
            raise UserError(
                f"data.zoom={self.zoom} must start at 1 or above: a zoom below 1 has no pixels to show"
            )
        for name, (least, most) in _BLIND_BOUNDS.items():
            low, high = getattr(self, name)
            if low < least or high > most:
                raise UserError(f"data.{name}={(low, high)} must be within {least} and {most}")
        _positive("data", self, "size", "threads")


@dataclass(frozen=True)
class OptimConfig:
    """The optimizer, warm-up, decay, clipping and the weight average that is scored."""

    name: str = "adam"  # adam | muon (Adam for what is no matrix); see docs/training.md
    lr: float = 2e-4
    final_lr: float = 1e-6
    schedule: str = "cosine"  # cosine | constant
    warmup_steps: int = 500  # at most a tenth of the run is spent on it
    b1: float = 0.9  # of Adam; Muon's momentum is 0.95
    b2: float = 0.99
    clip: float = 1.0  # global gradient norm; 0 = off
    ema: float = 0.999  # 0 = off; ramps up as (1 + t) / (10 + t)

    def __post_init__(self) -> None:
        _one_of("optim.name", self.name, ("adam", "muon"))
        _one_of("optim.schedule", self.schedule, ("cosine", "constant"))
        _positive("optim", self, "lr")
        _not_negative("optim", self, "final_lr", "warmup_steps", "clip")
        for name in ("b1", "b2", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(f"optim.{name}={getattr(self, name)} must be in [0, 1)")


@dataclass(frozen=True)
class LossConfig:
    """L = |I_spa - HR|_1 + w_fre |I_fre - HR|_1 + w_spec * spectral(I, HR)."""

    fre_weight: float = 1.0  # weight of the auxiliary output I_fre at the first step
    fre_weight_final: float = 1.0  # and at the last; linear between
    spectral_weight: float = 0.01
    spectral: str = (
        "complex"  # complex (real + imaginary parts) | polar (SFMNet's amplitude + phase, guarded)
    )
    spectral_on: str = "fre"  # fre | spa: which output it looks at

    def __post_init__(self) -> None:
        _one_of("loss.spectral", self.spectral, ("complex", "polar"))
        _one_of("loss.spectral_on", self.spectral_on, ("fre", "spa"))
        _not_negative("loss", self, "fre_weight", "fre_weight_final", "spectral_weight")


@dataclass(frozen=True)
class TrainConfig:
    """The run: length, batch, cadence, devices."""

    steps: int = 84_000
    batch_size: int = 32  # global, over all devices and processes
    accumulate: int = 1  # micro-batches of one update
    seed: int = 0
    init: str = ""  # weights a new run starts from: a workdir, a pretrained name or folder; empty = at random
    init_part: bool = False  # of another network: what fits by path and shape, the rest at random
    log_every: int = 100
    val_every: int = 2000
    val_images: int = 0  # first N of data.val; 0 = all
    save_every: int = 1000
    keep: int = 2  # latest checkpoints kept, besides the best
    max_bad_steps: int = 10  # non-finite updates in a row before the run stops
    fsdp: bool = False  # shard params, ema and opt_state over the mesh, too
    wandb: str = ""  # project name; empty = off
    distributed: bool = False  # several processes: jax.distributed.initialize
    coordinator: str = ""  # host:port; empty = found from the cluster's environment
    num_processes: int = 0
    process_id: int = -1

    def __post_init__(self) -> None:
        if self.init == "bicubic":
            raise UserError("train.init='bicubic' has no weights; name a workdir, or pretrained weights")
        if self.init_part and not self.init:
            raise UserError(
                "train.init_part=True takes parts of what train.init names; name a workdir, or weights"
            )
        _positive(
            "train", self, "steps", "batch_size", "accumulate", "log_every", "val_every", "save_every",
            "keep", "max_bad_steps",
        )  # fmt: skip
        _not_negative("train", self, "val_images")
        if not 0 <= self.seed < 2**32:
            raise UserError(f"train.seed={self.seed} must be in [0, 2**32)")
        if self.batch_size % self.accumulate:
            raise UserError(
                f"train.accumulate={self.accumulate} must divide train.batch_size={self.batch_size}; "
                "change one of them"
            )


@dataclass(frozen=True)
class EvalConfig:
    """What eval.py scores, on what."""

    weights: str = ""  # a workdir, a pretrained name or folder, or bicubic; empty = the workdir itself
    data: str = ""  # name=FOLDER,name=FOLDER
    photos: str = ""  # the same, of whole photographs without truth; see docs/real_world.md
    portraits: str = ""  # the same, of whole portraits that are shrunk and restored
    protocols: tuple[str, ...] = PROTOCOLS
    self_ensemble: bool = False  # the mean over each face and its mirror image, at twice the cost
    identity: bool = False  # also the cosine of SFace embeddings to the original's; canonical crops
    batch_size: int = 16
    limit: int = 0  # first N images of each set; 0 = all
    grid_images: int = 8  # rows of the comparison picture; 0 = none

    def __post_init__(self) -> None:
        for protocol in self.protocols:
            _one_of("eval.protocols", protocol, PROTOCOLS)
        _positive("eval", self, "batch_size")
        _not_negative("eval", self, "limit", "grid_images")


@dataclass(frozen=True)
class Config:
    model: NetworkConfig = NETWORKS["smlnet"]
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)

    def __post_init__(self) -> None:
        if self.data.size % self.model.stride:
            raise UserError(
                f"data.size={self.data.size} must be divisible by {self.model.stride}, "
                f"the stride of {self.model.name}"
            )
        consistency, scale, kernel = self.model.consistency, self.data.scale, self.data.lr_kernel
        if consistency and (consistency, "pil_bicubic") != (scale, kernel):
            raise UserError(
                f"model.consistency={consistency} is for an LR of pil_bicubic at that scale, and the data is "
                f"{kernel} at scale {scale}; set model.consistency=0, or the data as it wants them"
            )


def model_config(values: str | Mapping[str, Any]) -> NetworkConfig:
    """A network's name, or {"name": network, field: value, ...}, to its config; None keeps what is."""
    values = {"name": values} if isinstance(values, str) else values
    return _with(_network(values.get("name", "smlnet")), values)


def stored_model_config(values: Mapping[str, Any]) -> NetworkConfig:
    """The config of trained weights, as their file has it.

    A field that the file does not name is younger than the file: there its class's default, which does
    what was done before there was the field, and not what the network of that name has by now.
    """
    named = _network(values.get("name"))
    return _with(type(named)(name=named.name), values)


def _network(name: Any) -> NetworkConfig:
    if not isinstance(name, str) or name not in NETWORKS:
        raise UserError(f"model.name={name!r} is unknown; {_suggest(str(name), NETWORKS)}")
    return NETWORKS[name]


def _with(default: NetworkConfig, values: Mapping[str, Any]) -> NetworkConfig:
    own = _fields(type(default))
    of_others = [key for key in model_fields() if key not in own]
    for key in of_others:  # a recipe has the keys of every network, and leaves those of others unset
        if values.get(key) is not None:
            raise UserError(f"config.model.{key} is of another network; {default.name} has {', '.join(own)}")
    return _build(default, "model", {k: v for k, v in values.items() if k not in of_others})


def model_fields() -> dict[str, Any]:
    """Name and type of every field that some network's config has; two that share a name share the type."""
    fields: dict[str, Any] = {}
    for kind in {type(config): None for config in NETWORKS.values()}:
        fields |= _fields(kind)
    return fields


def from_config_dict(config: Mapping[str, Any], *, stored: bool = False) -> Config:
    """A ConfigDict (or nested dict) to a validated `Config`; a `UserError` names the key at fault.

    `stored`: it is that of a run, and so its network is as `stored_model_config` reads it.
    """
    of_model = stored_model_config if stored else model_config
    sections: dict[str, Any] = {
        "model": NETWORKS["smlnet"],
        "data": DataConfig(),
        "optim": OptimConfig(),
        "loss": LossConfig(),
        "train": TrainConfig(),
        "eval": EvalConfig(),
    }
    for section, values in config.items():
        if section == "campaign":
            raise UserError(
                "this recipe is a campaign, of many runs; start it with `python -m smlnet_jax.campaign`"
            )
        if section not in sections:
            raise UserError(f"config.{section} is unknown; {_suggest(section, sections)}")
        sections[section] = (
            of_model(values) if section == "model" else _build(sections[section], section, values)
        )
    return Config(**sections)


def check_key(path: str) -> None:
    """Raises `UserError` unless `path`, such as `train.steps`, names a value, or a section, of a `Config`."""
    sections = get_type_hints(Config)
    section, _, key = path.partition(".")
    if section not in sections:
        raise UserError(f"config.{section} is unknown; {_suggest(section, sections)}")
    known = model_fields() if section == "model" else _fields(sections[section])
    if key not in ("", *known):
        raise UserError(f"config.{path} is unknown; {_suggest(key, known)}")


def to_dict(config) -> dict[str, Any]:
    """A config as plain JSON values; `from_config_dict` and `model_config` read it back."""
    return dataclasses.asdict(config)


def _build(default, section: str, values: Mapping[str, Any]):
    """`default` with the given values, each checked against the type of its field."""
    hints = _fields(type(default))
    changes = {}
    for key, value in values.items():
        if key not in hints:
            raise UserError(f"config.{section}.{key} is unknown; {_suggest(key, hints)}")
        if value is not None:
            changes[key] = _typed(f"config.{section}.{key}", value, hints[key])
    return dataclasses.replace(default, **changes)


def _fields(kind: type) -> dict[str, Any]:
    """Name and type of each field of a dataclass."""
    hints = get_type_hints(kind)
    return {part.name: hints[part.name] for part in dataclasses.fields(kind)}


def _typed(key: str, value, kind):
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (int, float, str, bool):
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
    elif isinstance(value, list | tuple):  # every other field is a tuple of one type
        return tuple(_typed(key, item, kind.__args__[0]) for item in value)
    raise UserError(f"{key}={value!r} must be {getattr(kind, '__name__', kind)}")


def _suggest(word: str, known) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def _one_of(field_name: str, value, allowed: tuple) -> None:
    if value not in allowed:
        raise UserError(f"{field_name}={value!r} is unknown; choose one of {', '.join(map(str, allowed))}")


def _positive(section: str, config, *names: str) -> None:
    for name in names:
        if not getattr(config, name) > 0:  # nor NaN
            raise UserError(f"{section}.{name}={getattr(config, name)} must be above 0")


def _not_negative(section: str, config, *names: str) -> None:
    for name in names:
        if not getattr(config, name) >= 0:
            raise UserError(f"{section}.{name}={getattr(config, name)} must not be negative")
