"""What each part of smlnet_lite brings, beside its spatial branch alone and EDSR, x8, 16 -> 128. For CPUs.

Cost:    0.45 to 0.57 GMACs an image; 500 steps of 8, minutes of a core each. Eight members at three seeds.
Shows:   4,000 faces of the recipe that smlnet_lite_x8.py has; not where longer training ends.
Command: python -m smlnet_jax.campaign --config=configs/campaigns/lite_x8.py --workdir=W --config.data.train=A
             --config.data.val=B --config.eval.data=celeba=C,lfw=D
"""

from configs import smlnet_lite_x8
from smlnet_jax.campaign.plan import section

SPATIAL_MFEB = {"model.branches": "spatial", "model.fusion": "none"}  # alone, with MFEB where there is one
MIRROR = {"model.mirror": True}
MFEB = {"model.mfeb_kernels": (1, 3, 5, 7)}
# What SMLNet had before NAF blocks: residual ones, and MFEB beside them.
RESIDUAL = {**MFEB, "model.spatial_block": "residual"}
LITE_RESIDUAL = {**RESIDUAL, "model.res_blocks": 1}
# Without the frequency branch, its multiply-accumulates in wider spatial layers.
SPATIAL = {"model.branches": "spatial", "model.spat_widths": (68, 100, 132, 136)}
EDSR = {"model.name": "edsr", "model.width": 40, "model.res_blocks": 16}

MEMBERS = {
    "smlnet_lite": {},
    "spatial": {"model.branches": "spatial"},
    "spatial_equal_macs": SPATIAL,
    "edsr": EDSR,
    # Branches, and what passes between them.
    "no_interaction": {"model.fusion": "none"},
    "gate": {"model.fusion": "gate"},
    "attention": {"model.fusion": "attention"},
    "concat": {"model.fusion": "concat"},
    "one_way": {"model.two_way": False},
    "coarse_too": {"model.interaction_levels": (1, 2, 3)},  # at 8^2 and 4^2 as well
    "msim_everywhere": {
        "model.fusion_levels": (0, 1, 2, 3),
        "model.interaction_levels": (0, 1, 2, 3),
    },
    # Blocks.
    "mfeb": MFEB,
    "residual": LITE_RESIDUAL,
    # The spectrum.
    "no_radial_gain": {"model.radial_bands": 0},
    "phasor": {"model.spectrum": "phasor"},
    "pixels": {"model.spectrum": "pixels", "model.radial_bands": 0},  # the same blocks without the transform
    "consistency": {"model.consistency": 8},
    # Parameters tied, so that a mirrored face gets the mirrored result.
    "mirror": MIRROR,
    "mirror_spatial": {**SPATIAL, **MIRROR},
    "mirror_pixels": {"model.spectrum": "pixels", "model.radial_bands": 0, **MIRROR},
    "mirror_edsr": {**EDSR, **MIRROR},
    "mirror_residual": {**LITE_RESIDUAL, **MIRROR},
    "mirror_wide": {**MIRROR, "model.res_blocks": 2, "model.spat_widths": (80, 128, 192, 224)},
    # The recipe.
    "adam": {"optim.name": "adam", "optim.lr": 1e-3},
    "zoom": {"data.zoom": (1.0, 1.3)},
    "no_spectral_loss": {"loss.spectral_weight": 0.0},
    "full_fre_loss": {"loss.fre_weight": 1.0, "loss.fre_weight_final": 1.0},
}
THREE = (
    "smlnet_lite", "spatial", "spatial_equal_macs", "no_interaction", "consistency", "mirror",
    "mirror_spatial", "mirror_residual",
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
