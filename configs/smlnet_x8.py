"""SMLNet, x8, 16 -> 128: the one to train on a GPU. After Xie et al., IEEE TIP 2026 (docs/model.md).

Cost:    18.04 M parameters, 5.95 GMACs an image, 19 % of SFMNet's; 8,940 steps of 64, 35 epochs of
         16,301 faces.
Command: python train.py --config=configs/smlnet_x8.py --workdir=W --config.data.train=A --config.data.val=B
"""

from configs import smlnet_lite_x8


def get_config():
    config = smlnet_lite_x8.get_config()
    config.model.name = "smlnet"
    config.data.zoom = (1.0, 1.1)
    config.data.threads = 5
    config.train.steps = 8_940
    config.train.batch_size = 64
    config.train.val_every = 1_110
    return config
