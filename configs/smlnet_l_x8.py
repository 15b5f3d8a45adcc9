"""SMLNet, as wide as half of SFMNet's operations allow, x8, 16 -> 128, in bfloat16. For a GPU.

Cost:    24.04 M parameters, 15.06 GMACs an image, 49 % of SFMNet's; 8,940 steps of 64.
Command: python train.py --config=configs/smlnet_l_x8.py --workdir=W --config.data.train=A --config.data.val=B
"""

from configs import smlnet_x8


def get_config():
    config = smlnet_x8.get_config()
    config.model.name = "smlnet_l"
    config.model.dtype = "bfloat16"
    return config
