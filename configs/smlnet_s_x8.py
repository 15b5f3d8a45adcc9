"""SMLNet at half the width, x8, 16 -> 128, in bfloat16: the first to train on one GPU.

Cost:    1.55 M parameters, 4.02 GMACs an image; 84k steps of 32.
Command: python train.py --config=configs/smlnet_s_x8.py --workdir=W --config.data.train=A --config.data.val=B
"""

from configs import base


def get_config():
    config = base.get_config()
    config.model.name = "smlnet_s"
    config.model.dtype = "bfloat16"
    return config
