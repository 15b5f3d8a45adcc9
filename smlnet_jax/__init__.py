"""SMLNet: spatial-frequency multi-scale face super-resolution in JAX and Flax."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smlnet_jax.export.pretrained import load_pretrained
    from smlnet_jax.models import Model, ModelConfig, Output, create
    from smlnet_jax.restoration.restorer import Restorer

__all__ = ["Model", "ModelConfig", "Output", "Restorer", "create", "load_pretrained"]
__version__ = "0.1.0"

_HOMES = {  # imported when they are used: `smlnet --help` does not wait for JAX, training not for photographs
    "Model": "smlnet_jax.models",
    "ModelConfig": "smlnet_jax.models",
    "Output": "smlnet_jax.models",
    "Restorer": "smlnet_jax.restoration.restorer",
    "create": "smlnet_jax.models",
    "load_pretrained": "smlnet_jax.export.pretrained",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'smlnet_jax' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
