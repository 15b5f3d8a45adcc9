"""What each part of smlnet_lite brings, beside its spatial branch alone and EDSR, x8, 16 -> 128. For CPUs.

Cost:    0.46 to 0.57 GMACs an image; 500 steps of 8, minutes of a core each. Eight members at three seeds.
Shows:   4,000 faces of the recipe that smlnet_lite_x8 was trained with; not where longer training ends.
Command: python -m smlnet_jax.campaign --config=configs/campaigns/lite_x8.py --workdir=W --config.data.train=A
             --config.data.val=B --config.eval.data=celeba=C,lfw=D
"""

from configs import smlnet_lite_x8
from smlnet_jax.campaign.plan import section

SPATIAL_MFEB = {"model.branches": "spatial", "model.fusion": "none"}  # the spatial branch alone, with MFEB
MIRROR = {"model.mirror": True}
EDSR = {"model.name": "edsr", "model.width": 40, "model.res_blocks": 16}
NAF = {**MIRROR, "model.spatial_block": "naf", "model.mfeb_kernels": ()}

MEMBERS = {
    "smlnet_lite": {},
    "spatial": {"model.branches": "spatial"},
    "spatial_equal_macs": {"model.branches": "spatial", "model.spat_widths": (72, 104, 136, 136)},
    "spatial_mfeb": SPATIAL_MFEB,
    "spatial_mfeb_equal_macs": {**SPATIAL_MFEB, "model.spat_widths": (68, 100, 136, 136)},
    "edsr": EDSR,
    # Branches, and what passes between them.
    "no_interaction": {"model.fusion": "none"},
    "gate": {"model.fusion": "gate"},
    "attention": {"model.fusion": "attention"},
    "concat": {"model.fusion": "concat"},
    "input_skip": {"model.msim_skip": "input"},
    "input_skip_gate": {"model.msim_skip": "input", "model.fusion": "gate"},
    "input_skip_concat": {"model.msim_skip": "input", "model.fusion": "concat"},
    "one_way": {"model.two_way": False},
    "no_mfeb": {"model.mfeb_kernels": ()},
    "coarse_too": {"model.interaction_levels": (1, 2, 3)},  # SFIM at 8^2 and 4^2 beside their MFEB
    "msim_everywhere": {
        "model.fusion_levels": (0, 1, 2, 3),
        "model.interaction_levels": (0, 1, 2, 3),
    },
    # The spectrum.
    "no_radial_gain": {"model.radial_bands": 0},
    "phasor": {"model.spectrum": "phasor"},
    "pixels": {"model.spectrum": "pixels", "model.radial_bands": 0},  # the same blocks without the transform
    "consistency": {"model.consistency": 8},
    # Parameters tied, so that a mirrored face gets the mirrored result.
    "mirror": MIRROR,
    "mirror_spatial": {**SPATIAL_MFEB, **MIRROR, "model.spat_widths": (68, 100, 136, 136)},
    "mirror_pixels": {"model.spectrum": "pixels", "model.radial_bands": 0, **MIRROR},
    "mirror_edsr": {**EDSR, **MIRROR},
    # NAF blocks for SPBs and MFEB, beside "mirror": as wide, and as many operations.
    "naf": {**NAF, "model.res_blocks": 4},
    "naf_wide": {**NAF, "model.res_blocks": 2, "model.spat_widths": (80, 128, 192, 224)},
    # The recipe.
    "adam": {"optim.name": "adam", "optim.lr": 1e-3},
    "zoom": {"data.zoom": (1.0, 1.3)},
    "no_spectral_loss": {"loss.spectral_weight": 0.0},
    "full_fre_loss": {"loss.fre_weight": 1.0, "loss.fre_weight_final": 1.0},
}
THREE = (
    "smlnet_lite", "spatial", "spatial_equal_macs", "spatial_mfeb_equal_macs", "no_interaction",
    "consistency", "mirror", "mirror_spatial",
)  # fmt: skip


def get_config():
    config = smlnet_lite_x8.get_config()
    config.model.mirror = False  # members say what they have of these
    config.model.consistency = 0
    config.train.steps = 500
    config.train.log_every = 20
    config.train.val_every = 250
    config.train.save_every = 250
    config.train.keep = 1
    config.campaign = section(
        members=MEMBERS, reference="spatial", seeds=(0,), seeds_of=dict.fromkeys(THREE, (0, 1, 2))
    )
    return config
