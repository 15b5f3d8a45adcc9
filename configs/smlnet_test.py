"""The smallest SMLNet, for tests and for trying things out: 0.23 M parameters.

Command: python train.py --config=configs/smlnet_test.py --workdir=W --config.data.train=A --config.data.val=B
"""

from configs import base


def get_config():
    config = base.get_config()
    config.model.name = "smlnet_test"
    config.train.steps = 1_000
    config.train.batch_size = 8
    return config
