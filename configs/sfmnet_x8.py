"""SFMNet (Wang et al., CVPR 2023), SMLNet's ancestor, x8, 16 -> 128. See docs/baselines.md.

Cost:    8.55 M parameters, 30.69 GMACs an image; 84k steps of 32. The base recipe, its own loss.
Command: python train.py --config=configs/sfmnet_x8.py --workdir=W --config.data.train=A
             --config.data.val=B
"""

from configs import base


def get_config():
    config = base.get_config()
    config.model.name = "sfmnet"
    config.loss.spectral = "polar"
    return config
