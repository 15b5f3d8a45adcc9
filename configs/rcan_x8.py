"""RCAN (Zhang et al., ECCV 2018), x8, 16 -> 128. See docs/baselines.md.

Cost:    15.85 M parameters, 4.73 GMACs an image; 84k steps of 32. The base recipe, its own loss.
Command: python train.py --config=configs/rcan_x8.py --workdir=W --config.data.train=A
             --config.data.val=B
"""

from configs import base


def get_config():
    config = base.get_config()
    config.model.name = "rcan"
    config.loss.spectral_weight = 0.0
    return config
