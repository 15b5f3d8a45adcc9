"""SMLNet for CPUs and phones, trained on a GPU: what smlnet_lite_x8, the weights in the package, came of.

Cost:    3.80 M parameters, 0.54 GMACs an image; ten minutes of one H200 that other runs shared.
Result:  27.3 dB on CelebA, +3.5 over bicubic (sparnet), at step 7,770; docs/results.md.
Command: python train.py --config=configs/smlnet_lite_x8_gpu.py --workdir=runs/lite_x8
             --config.data.train=FOLDER --config.data.val=FOLDER
"""

from configs import smlnet_lite_x8


def get_config():
    config = smlnet_lite_x8.get_config()
    config.model.mirror = False  # as those weights are
    config.model.consistency = 0
    config.data.zoom = (1.0, 1.1)
    config.data.threads = 5
    config.train.steps = 8_940
    config.train.batch_size = 64
    config.train.val_every = 1_110
    return config
