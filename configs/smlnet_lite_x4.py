"""SMLNet for CPUs at x4, 32 -> 128: for faces that are small but sharp. Starts from the shipped x8 weights.

Cost:    3.80 M parameters, 0.54 GMACs an image; about an hour of one core of a server CPU.
Result:  31.7 dB on CelebA, +3.6 over bicubic (sparnet); docs/results_weights.md.
Command: python train.py --config=configs/smlnet_lite_x4.py --workdir=runs/lite_x4
             --config.data.train=FOLDER --config.data.val=FOLDER
"""

from configs import base, smlnet_lite_x8


def get_config():
    config = smlnet_lite_x8.get_config()
    base.start_from(config, "smlnet_lite_x8")
    config.data.scale = 4
    config.model.consistency = 4
    config.loss.fre_weight = 0.02
    config.optim.lr = 1.5e-3
    config.optim.warmup_steps = 100
    config.train.steps = 5_000
    return config
