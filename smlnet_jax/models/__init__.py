"""The networks, each behind `create(config) -> Model(init, apply)`."""

from __future__ import annotations

from smlnet_jax.errors import UserError
from smlnet_jax.models.config import VARIANTS, ModelConfig
from smlnet_jax.models.model import Model, Params
from smlnet_jax.models.smlnet import Output, SMLNet

__all__ = ["VARIANTS", "Model", "ModelConfig", "Output", "Params", "create"]


def create(config: ModelConfig | str) -> Model:
    """The model of a config, or of a variant's name (see `smlnet models`)."""
    if isinstance(config, str):
        if config not in VARIANTS:
            raise UserError(f"model {config!r} is unknown; known: {', '.join(VARIANTS)}")
        config = VARIANTS[config]
    return Model(config, SMLNet)
