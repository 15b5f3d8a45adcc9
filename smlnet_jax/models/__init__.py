"""The networks, each behind `create(config) -> Model(init, apply)`."""

from __future__ import annotations

from typing import Any

from smlnet_jax.errors import UserError
from smlnet_jax.models.baselines import BASELINES
from smlnet_jax.models.baselines.bicubic import Bicubic, BicubicConfig
from smlnet_jax.models.baselines.edsr import EDSR, EDSRConfig
from smlnet_jax.models.baselines.rcan import RCAN, RCANConfig
from smlnet_jax.models.baselines.restormer import Restormer, RestormerConfig
from smlnet_jax.models.baselines.sfmnet import SFMNet, SFMNetConfig
from smlnet_jax.models.baselines.sparnet import SPARNet, SPARNetConfig
from smlnet_jax.models.config import VARIANTS, ModelConfig, NetworkConfig
from smlnet_jax.models.ensemble import SelfEnsemble
from smlnet_jax.models.model import Model, Params
from smlnet_jax.models.output import Output
from smlnet_jax.models.smlnet import SMLNet

__all__ = [
    "BASELINES",
    "NETWORKS",
    "VARIANTS",
    "Model",
    "ModelConfig",
    "NetworkConfig",
    "Output",
    "Params",
    "SMLNet",
    "SelfEnsemble",
    "create",
]

NETWORKS: dict[str, NetworkConfig] = {**VARIANTS, **BASELINES}  # by name: SMLNet's variants, then the others

_MODULES: dict[type[NetworkConfig], Any] = {
    ModelConfig: SMLNet,
    BicubicConfig: Bicubic,
    SFMNetConfig: SFMNet,
    SPARNetConfig: SPARNet,
    EDSRConfig: EDSR,
    RCANConfig: RCAN,
    RestormerConfig: Restormer,
}


def create(config: NetworkConfig | str) -> Model:
    """The model of a config, or of a network's name (see `smlnet models`)."""
    if isinstance(config, str):
        if config not in NETWORKS:
            raise UserError(f"model {config!r} is unknown; known: {', '.join(NETWORKS)}")
        config = NETWORKS[config]
    return Model(config, _MODULES[type(config)])
