"""SMLNet beside SFMNet, all at full width, x8, 8 -> 64. For CPUs, hours.

Cost:    0.90 to 7.70 GMACs an image of 64x64; 500 steps of 8, 10 to 80 minutes of a core each.
Shows:   the networks as they are, in 4,000 small faces; not where long training at 128x128 ends.
Command: python -m smlnet_jax.campaign --config=configs/campaigns/full_x8.py --workdir=W
             --config.data.train=A --config.data.val=B --config.eval.data=celeba=C,lfw=D
"""

from configs.campaigns import cpu_x8, lite_x8
from smlnet_jax.campaign.plan import section

MEMBERS = {
    "sfmnet": {**cpu_x8.SFMNET, "model.width": 64},
    "smlnet": {"model.name": "smlnet"},
    "smlnet_mirror": {"model.name": "smlnet", **lite_x8.MIRROR},
    "smlnet_s": {"model.name": "smlnet_s"},
    "smlnet_l": {"model.name": "smlnet_l"},
    # smlnet as it was: residual blocks and MFEB, 1.1 times its operations.
    "residual": {"model.name": "smlnet", **lite_x8.RESIDUAL, "model.spat_widths": (96, 128, 128, 128)},
}  # fmt: skip


def get_config():
    config = cpu_x8.get_config()
    twice = dict.fromkeys(("sfmnet", "smlnet", "smlnet_s"), (0, 1))
    config.campaign = section(members=MEMBERS, reference="sfmnet", seeds=(0,), seeds_of=twice)
    return config
