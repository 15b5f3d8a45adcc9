"""SMLNet for CPUs: the whole network at a quarter of the resolution and below. x8, 16 -> 128.

Cost:    3.07 M parameters of which half are free, 0.47 GMACs an image; two hours of a core of a server CPU.
Result:  26.8 dB on CelebA, +3.0 over bicubic (sparnet), with residual blocks and without mirror and
         consistency; what these and NAF blocks gained in shorter runs is in docs/results_parts.md. Faster
         with a teacher: smlnet_lite_x8_taught.py.
Command: python train.py --config=configs/smlnet_lite_x8.py --workdir=runs/lite_x8
             --config.data.train=FOLDER --config.data.val=FOLDER
"""

from configs import base


def get_config():
    config = base.get_config()
    config.model.name = "smlnet_lite"
    config.model.mirror = True
    config.model.consistency = 8
    config.loss.spectral_on = "spa"
    config.loss.fre_weight = 0.2
    config.loss.fre_weight_final = 0.02
    config.data.zoom = (1.0, 1.0)
    config.optim.name = "muon"
    config.optim.lr = 2.5e-3
    config.optim.warmup_steps = 300
    config.train.steps = 6_600
    config.train.batch_size = 8
    return config
