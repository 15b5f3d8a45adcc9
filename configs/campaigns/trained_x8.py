"""What each part of the trained smlnet_lite_x8 is worth: taken away, and the rest trained on. x8. For CPUs.

Cost:    0.46 to 0.54 GMACs an image; 500 steps of 8, ten minutes of a core each.
Shows:   an upper bound. All members start from the shipped weights, as far as they fit, and see the same
         faces; what a network without the part does not win back in 4,000 faces it may win back later. A part
         whose loss is not felt here is not needed.
Command: python -m smlnet_jax.campaign --config=configs/campaigns/trained_x8.py --workdir=W
             --config.data.train=A --config.data.val=B --config.eval.data=celeba=C,lfw=D
"""

from configs import smlnet_lite_x8
from smlnet_jax.campaign.plan import section

MEMBERS = {
    "smlnet_lite": {},
    "coarse_apart": {"model.interaction_levels": (1,)},  # MSIM at 16^2 alone; MFEB at 8^2 and 4^2 still
    "gate": {"model.fusion": "gate"},
    "no_interaction": {"model.fusion": "none"},
    "one_way": {"model.two_way": False},
    "spatial_mfeb": {"model.branches": "spatial", "model.fusion": "none"},
    "no_mfeb": {"model.mfeb_kernels": ()},
    "no_radial_gain": {"model.radial_bands": 0},
    "pixels": {"model.spectrum": "pixels", "model.radial_bands": 0},
}


def get_config():
    config = smlnet_lite_x8.get_config()
    config.train.init = "smlnet_lite_x8"
    config.train.init_part = True
    config.optim.lr = 5e-4
    config.optim.warmup_steps = 50
    config.loss.fre_weight = 0.02
    config.train.steps = 500
    config.train.log_every = 20
    config.train.val_every = 250
    config.train.save_every = 250
    config.train.keep = 1
    config.campaign = section(members=MEMBERS, reference="smlnet_lite")
    return config
