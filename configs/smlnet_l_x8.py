"""SMLNet, wider: half of SFMNet's operations, x8, 16 -> 128, in bfloat16. For a GPU.

Cost:    29.09 M parameters, 13.32 GMACs an image, 43 % of SFMNet's; 8,940 steps of 64.
Command: python train.py --config=configs/smlnet_l_x8.py --workdir=W --config.data.train=A --config.data.val=B
"""

from configs import smlnet_x8


def get_config():
    config = smlnet_x8.get_config()
    config.model.name = "smlnet_l"
    config.model.dtype = "bfloat16"
    return config
