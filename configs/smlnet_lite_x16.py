"""SMLNet for CPUs at x16, 8 -> 128: for the tiniest faces. Starts from the shipped x8 weights, and learns
from what these make of the faces: data.train is what `smlnet data teach faces/train -o taught` made.

Cost:    3.80 M parameters, 0.54 GMACs an image; 75 minutes of one core of a server CPU beside other work.
Result:  23.3 dB on CelebA, +3.1 over bicubic (sparnet); docs/results_weights.md.
Command: python train.py --config=configs/smlnet_lite_x16.py --workdir=runs/lite_x16
             --config.data.train=taught --config.data.val=FOLDER
"""

from configs import smlnet_lite_x4


def get_config():
    config = smlnet_lite_x4.get_config()
    config.data.scale = 16
    config.model.consistency = 16
    return config
