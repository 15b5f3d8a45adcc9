"""SMLNet at the full resolution, the base recipe, x8, 16 -> 128 (docs/model.md).

Cost:    6.11 M parameters, 15.70 GMACs an image; 84k steps of 32, 150 epochs of 18,000 faces.
Command: python train.py --config=configs/smlnet_full_x8.py --workdir=W --config.data.train=A
             --config.data.val=B
"""

from configs import base


def get_config():
    config = base.get_config()
    config.model.name = "smlnet_full"
    return config
