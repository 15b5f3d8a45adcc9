"""SMLNet for CPUs at x4, for blurred, noisy, compressed faces. Starts from the shipped x8 weights.

Cost:    3.80 M parameters, 0.54 GMACs an image. The shipped smlnet_lite_blind_x4 saw 206,000 faces in batches
         of 64, in eight minutes of a GPU (docs/results_weights.md); this is for a CPU, 40,000 faces in about
         an hour.
Command: python train.py --config=configs/smlnet_lite_blind_x4.py --workdir=runs/lite_blind_x4
             --config.data.train=FOLDER --config.data.val=FOLDER
"""

from configs import smlnet_lite_x4


def get_config():
    config = smlnet_lite_x4.get_config()
    config.data.lr_kernel = "blind"
    config.data.zoom = (1.0, 1.2)
    config.model.consistency = 0  # noise in LR would be forced upon SR
    return config
