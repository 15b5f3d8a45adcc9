"""SMLNet by the recipe of its ancestor SFMNet (CVPR 2023), x8: another network, the same training.

Cost:    6.11 M parameters, 15.70 GMACs an image; 1.05 M steps of 8, 50 epochs of 168,854 faces.
Command: python train.py --config=configs/smlnet_faithful_x8.py --workdir=W --config.data.train=A
             --config.data.val=B
"""

from configs import base


def get_config():
    config = base.get_config()
    config.model.name = "smlnet_full"
    config.data.hflip = False
    config.data.zoom = (1.0, 1.0)
    config.optim.lr = 1e-4
    config.optim.schedule = "constant"
    config.optim.warmup_steps = 0
    config.optim.clip = 0.0
    config.optim.ema = 0.0
    config.loss.spectral = "polar"
    config.train.steps = 1_055_000
    config.train.batch_size = 8
    return config
