"""SMLNet beside SFMNet with every width divided by 2, x8, 8 -> 64. For CPUs, hours.

Cost:    0.23 to 1.94 GMACs an image of 64x64; 500 steps of 8, 5 to 40 minutes of a core each.
Shows:   twice the widths of quarter_x8, so where what it shows is going; not full widths.
Command: python -m smlnet_jax.campaign --config=configs/campaigns/halved_x8.py --workdir=W
             --config.data.train=A --config.data.val=B --config.eval.data=celeba=C,lfw=D
"""

from configs.campaigns import cpu_x8, lite_x8
from smlnet_jax.campaign.plan import section

SMLNET = {"model.name": "smlnet", "model.spat_widths": (56, 96, 160, 192), "model.freq_widths": (16,) * 4}

MEMBERS = {
    "sfmnet": {**cpu_x8.SFMNET, "model.width": 32},
    "smlnet": SMLNET,
    "smlnet_mirror": {**SMLNET, **lite_x8.MIRROR},
    "smlnet_s": {**SMLNET, "model.name": "smlnet_s", "model.spat_widths": (40, 72, 128, 160)},
    "smlnet_l": {**SMLNET, "model.name": "smlnet_l", "model.spat_widths": (96, 160, 192, 224)},
    # smlnet as it was: residual blocks and MFEB, 1.1 times its operations.
    "residual": {**SMLNET, **lite_x8.RESIDUAL, "model.spat_widths": (48, 64, 64, 64)},
}  # fmt: skip


def get_config():
    config = cpu_x8.get_config()
    config.campaign = section(members=MEMBERS, reference="sfmnet", seeds=(0,))
    return config
