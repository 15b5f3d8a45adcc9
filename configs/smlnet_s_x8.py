"""SMLNet, narrower where the image is large, x8, 16 -> 128, in bfloat16: the first to train on one GPU.

Cost:    11.86 M parameters, 3.59 GMACs an image, 12 % of SFMNet's; 8,940 steps of 64.
Command: python train.py --config=configs/smlnet_s_x8.py --workdir=W --config.data.train=A --config.data.val=B
"""

from configs import smlnet_x8


def get_config():
    config = smlnet_x8.get_config()
    config.model.name = "smlnet_s"
    config.model.dtype = "bfloat16"
    return config
