"""The base of every recipe: SMLNet's practical one, x8, 16 -> 128. A recipe says what differs, nothing else.

Every key can be overridden on the command line: --config.optim.lr=1e-4. A key of `model` left at None takes
the value of the variant that `model.name` picks.
"""

import dataclasses
from typing import get_origin, get_type_hints

from ml_collections import ConfigDict, config_dict

from smlnet_jax.config import Config, to_dict
from smlnet_jax.models.config import ModelConfig


def get_config() -> ConfigDict:
    config = ConfigDict(to_dict(Config()))
    hints = get_type_hints(ModelConfig)
    config.model = {
        field.name: config_dict.placeholder(get_origin(hints[field.name]) or hints[field.name])
        for field in dataclasses.fields(ModelConfig)
    }
    config.model.name = "smlnet"
    return config
