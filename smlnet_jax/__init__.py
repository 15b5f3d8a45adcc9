"""SMLNet: spatial-frequency multi-scale face super-resolution in JAX and Flax."""

import importlib
from typing import TYPE_CHECKING, Any

from smlnet_jax.models import Model, ModelConfig, Output, create

if TYPE_CHECKING:
    from smlnet_jax.export.pretrained import load_pretrained
    from smlnet_jax.restoration.restorer import Restorer

__all__ = ["Model", "ModelConfig", "Output", "Restorer", "create", "load_pretrained"]
__version__ = "0.1.0"

_LOADED_WHEN_USED = {  # what a training run has no use for
    "Restorer": "smlnet_jax.restoration.restorer",
    "load_pretrained": "smlnet_jax.export.pretrained",
}


def __getattr__(name: str) -> Any:
    if name in _LOADED_WHEN_USED:
        return getattr(importlib.import_module(_LOADED_WHEN_USED[name]), name)
    raise AttributeError(f"module 'smlnet_jax' has no attribute {name!r}")
