"""The networks that SMLNet is compared with, after their papers; docs/baselines.md says what differs."""

from __future__ import annotations

from smlnet_jax.models.baselines.bicubic import BicubicConfig
from smlnet_jax.models.baselines.edsr import EDSRConfig
from smlnet_jax.models.baselines.rcan import RCANConfig
from smlnet_jax.models.baselines.restormer import RestormerConfig
from smlnet_jax.models.baselines.sfmnet import SFMNetConfig
from smlnet_jax.models.baselines.sparnet import SPARNetConfig
from smlnet_jax.models.config import NetworkConfig

BASELINES: dict[str, NetworkConfig] = {
    "bicubic": BicubicConfig(),
    "sfmnet": SFMNetConfig(),
    "sparnet": SPARNetConfig(),
    "edsr": EDSRConfig(),
    "rcan": RCANConfig(),
    "restormer": RestormerConfig(),
    "restormer_s": RestormerConfig(name="restormer_s", width=32, blocks=(4, 4, 4, 6)),
}
