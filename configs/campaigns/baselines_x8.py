"""SMLNet beside the networks it is compared with, x8, 16 -> 128, all at full size. See docs/campaigns.md.

Cost:    1.2 to 31 GMACs an image; 84k steps of 32, three seeds each. For GPUs.
Command: python -m smlnet_jax.campaign --config=configs/campaigns/baselines_x8.py --workdir=W
             --config.data.train=A --config.data.val=B --config.eval.data=celeba=C,lfw=D
"""

from configs import base
from smlnet_jax.campaign.plan import section

OWN_LOSS = {"loss.spectral_weight": 0.0}  # L1, that of their papers

MEMBERS = {
    "smlnet": {"model.name": "smlnet"},
    "smlnet_s": {"model.name": "smlnet_s"},
    "smlnet_l": {"model.name": "smlnet_l"},
    "smlnet_full": {"model.name": "smlnet_full"},
    "smlnet_full_s": {"model.name": "smlnet_full_s"},
    "sfmnet": {"model.name": "sfmnet", "loss.spectral": "polar"},
    "sparnet": {"model.name": "sparnet", **OWN_LOSS},
    "edsr": {"model.name": "edsr", **OWN_LOSS},
    "rcan": {"model.name": "rcan", **OWN_LOSS},
    "restormer_s": {"model.name": "restormer_s", **OWN_LOSS},
}


def get_config():
    config = base.get_config()
    config.campaign = section(members=MEMBERS, reference="smlnet", seeds=(0, 1, 2))
    return config
