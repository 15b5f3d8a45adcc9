"""SMLNet for CPUs, symmetric, taught by the weights of the package: data.train is what
`smlnet data teach faces/train -o taught` made of the faces.

Cost:    3.07 M parameters of which half are free, 0.47 GMACs an image; four hours of one core of a server
         CPU, and 8 minutes to teach 16,301 faces.
Result:  27.3 dB on CelebA, +3.5 over bicubic (sparnet); docs/results_parts.md.
Command: python train.py --config=configs/smlnet_lite_x8_taught.py --workdir=runs/taught
             --config.data.train=taught --config.data.val=FOLDER
"""

from configs import smlnet_lite_x8


def get_config():
    config = smlnet_lite_x8.get_config()
    config.train.steps = 14_000
    return config
