"""What each part of the trained smlnet_lite_x8 is worth: taken away, and the rest trained on. x8. For CPUs.

Cost:    0.49 to 0.54 GMACs an image; 500 steps of 8, ten minutes of a core each.
Shows:   an upper bound. All members start from the shipped weights, as far as they fit, and see the same
         faces; what a network without the part does not win back in 4,000 faces it may win back later. A part
         whose loss is not felt here is not needed.
Command: python -m smlnet_jax.campaign --config=configs/campaigns/trained_x8.py --workdir=W
             --config.data.train=A --config.data.val=B --config.eval.data=celeba=C,lfw=D
"""

from configs import base
from configs.campaigns import lite_x8
from smlnet_jax.campaign.plan import section

PARTS = ("gate", "no_interaction", "one_way", "no_radial_gain", "pixels")

MEMBERS = {
    "smlnet_lite": {},
    "coarse_apart": {"model.interaction_levels": (1,)},  # no SFIM at 8^2 and 4^2; MFEB stays
    "spatial_mfeb": lite_x8.SPATIAL_MFEB,
    "no_mfeb": {"model.mfeb_kernels": ()},
    **{name: lite_x8.MEMBERS[name] for name in PARTS},
}


def get_config():
    config = lite_x8.get_config()
    base.start_from(config, "smlnet_lite_x8")
    config.model.consistency = 0
    config.train.init_part = True
    config.optim.lr = 5e-4
    config.optim.warmup_steps = 50
    config.loss.fre_weight = 0.02
    config.campaign = section(members=MEMBERS, reference="smlnet_lite")
    return config
