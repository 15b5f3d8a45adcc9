"""SPARNet (Chen et al., IEEE TIP 2020), x8, 16 -> 128. See docs/baselines.md.

Cost:    10.63 M parameters, 7.16 GMACs an image; 84k steps of 32. The base recipe, its own loss.
Command: python train.py --config=configs/sparnet_x8.py --workdir=W --config.data.train=A
             --config.data.val=B
"""

from configs import base


def get_config():
    config = base.get_config()
    config.model.name = "sparnet"
    config.loss.spectral_weight = 0.0
    return config
