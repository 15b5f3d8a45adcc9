"""The base of every recipe: a practical one, x8, 16 -> 128. A recipe says what differs, nothing else.

Every key can be overridden on the command line: --config.optim.lr=1e-4. `model` has the keys of all networks;
one left at None takes the value of the network that `model.name` picks.
"""

from typing import get_origin

from ml_collections import ConfigDict, config_dict

from smlnet_jax.config import Config, model_fields, to_dict
from smlnet_jax.export.pretrained import load_card


def get_config() -> ConfigDict:
    config = ConfigDict(to_dict(Config()))
    config.model = {
        name: config_dict.placeholder(get_origin(kind) or kind) for name, kind in model_fields().items()
    }
    config.model.name = "smlnet"
    return config


def start_from(config: ConfigDict, weights: str) -> None:
    """A recipe from pretrained weights: with the network that they are of, whatever its name means by now."""
    config.train.init = weights
    config.model.update(to_dict(load_card(weights).model))
