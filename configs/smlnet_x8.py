"""SMLNet, x8, 16 -> 128: the one to train on a GPU. After Xie et al., IEEE TIP 2026 (docs/model.md).

Cost:    11.01 M parameters, 6.87 GMACs an image, 22 % of SFMNet's; 8,940 steps of 64, 35 epochs of
         16,301 faces.
Command: python train.py --config=configs/smlnet_x8.py --workdir=W --config.data.train=A --config.data.val=B
"""

from configs import smlnet_lite_x8_gpu


def get_config():
    config = smlnet_lite_x8_gpu.get_config()
    config.model.name = "smlnet"
    config.model.mirror = True
    config.model.consistency = 8
    return config
