"""SMLNet for CPUs, trained on a GPU: what smlnet_lite_x8, the weights in the package, came of.

Cost:    3.80 M parameters, 0.54 GMACs an image; ten minutes of one H200 that other runs shared.
Result:  27.3 dB on CelebA, +3.5 over bicubic (sparnet), at step 7,770; docs/results.md.
Command: python train.py --config=configs/smlnet_lite_x8_gpu.py --workdir=runs/lite_x8
             --config.data.train=FOLDER --config.data.val=FOLDER
"""

from configs import smlnet_x8


def get_config():
    config = smlnet_x8.get_config()
    config.model.name = "smlnet_lite"
    config.model.interaction_levels = (0, 1, 2, 3)  # as those weights have it, and
    config.model.mirror = False
    config.model.consistency = 0
    return config
