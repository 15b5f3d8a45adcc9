"""SMLNet for CPUs, trained on a GPU, symmetric and consistent: 30 epochs of 16,301 faces.

Cost:    3.07 M parameters of which half are free, 0.47 GMACs an image; 8,940 steps of 64. As it was until
         revision d116598, with residual blocks, the weights in the package came of it, in ten minutes of one
         H200 that other runs shared (docs/results.md).
Command: python train.py --config=configs/smlnet_lite_x8_gpu.py --workdir=runs/lite_x8
             --config.data.train=FOLDER --config.data.val=FOLDER
"""

from configs import smlnet_x8


def get_config():
    config = smlnet_x8.get_config()
    config.model.name = "smlnet_lite"
    return config
