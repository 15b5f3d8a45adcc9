"""EDSR (Lim et al., CVPR Workshops 2017), its baseline form, x8, 16 -> 128. See docs/baselines.md.

Cost:    1.77 M parameters, 1.16 GMACs an image; 84k steps of 32. The base recipe, its own loss.
Command: python train.py --config=configs/edsr_x8.py --workdir=W --config.data.train=A
             --config.data.val=B
"""

from configs import base


def get_config():
    config = base.get_config()
    config.model.name = "edsr"
    config.loss.spectral_weight = 0.0
    return config
