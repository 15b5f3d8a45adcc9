"""SMLNet for real photographs: x4, LR made by blur, resizes, noise and JPEG drawn at random (docs/data.md).

Cost:    18.04 M parameters, 5.95 GMACs an image; 84k steps of 32.
Command: python train.py --config=configs/smlnet_blind_x4.py --workdir=W --config.data.train=A
             --config.data.val=B
"""

from configs import base


def get_config():
    config = base.get_config()
    config.data.scale = 4
    config.data.lr_kernel = "blind"
    return config
