"""Restormer (Zamir et al., CVPR 2022) at the cost of smlnet_full, x8, 16 -> 128. See docs/baselines.md.

Cost:    9.09 M parameters, 15.37 GMACs an image; 84k steps of 32. The base recipe, its own loss.
Command: python train.py --config=configs/restormer_s_x8.py --workdir=W --config.data.train=A
             --config.data.val=B
"""

from configs import base


def get_config():
    config = base.get_config()
    config.model.name = "restormer_s"
    config.loss.spectral_weight = 0.0
    return config
