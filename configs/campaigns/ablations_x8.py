"""What each part of SMLNet brings: one change at a time on smlnet_s, x8, 16 -> 128. See docs/campaigns.md.

Cost:    0.15 to 4.16 GMACs an image; 20k steps of 32, three seeds each. For GPUs.
Command: python -m smlnet_jax.campaign --config=configs/campaigns/ablations_x8.py --workdir=W
             --config.data.train=A --config.data.val=B --config.eval.data=celeba=C,lfw=D
"""

from configs import base
from configs.campaigns.lite_x8 import MFEB, RESIDUAL
from smlnet_jax.campaign.plan import section

MEMBERS = {
    "smlnet_s": {},
    "residual": {**RESIDUAL, "model.spat_widths": (64, 96, 128, 128)},  # 1.2 times the operations
    # Branches, and what passes between them.
    "spatial": {"model.branches": "spatial"},
    "spatial_equal_macs": {"model.branches": "spatial", "model.spat_widths": (88, 148, 256, 328)},
    "frequency": {"model.branches": "frequency"},
    "frequency_equal_macs": {"model.branches": "frequency", "model.freq_widths": (172,) * 4},
    "no_interaction": {"model.fusion": "none"},
    "concat": {"model.fusion": "concat"},
    "gate": {"model.fusion": "gate"},
    "attention": {"model.fusion": "attention"},
    "one_way": {"model.two_way": False},
    "decoder_only": {"model.fusion_stages": "decoder"},
    "coarse_too": {"model.interaction_levels": (1, 2, 3)},
    "msim_everywhere": {
        "model.fusion_levels": (0, 1, 2, 3),
        "model.interaction_levels": (0, 1, 2, 3),
    },
    # Receptive fields, beside those of NAF blocks.
    "mfeb": MFEB,
    "mfeb_input_skip": {**MFEB, "model.msim_skip": "input"},
    "mfeb_3": {"model.mfeb_kernels": (3,)},
    "mfeb_1_3": {"model.mfeb_kernels": (1, 3)},
    "mfeb_3_5_7_9": {"model.mfeb_kernels": (3, 5, 7, 9)},
    # The spectrum.
    "complex_3x3": {"model.spectral_kernel": 3},
    "phasor": {"model.spectrum": "phasor"},
    "phasor_3x3": {"model.spectrum": "phasor", "model.spectral_kernel": 3},
    "polar_3x3": {"model.spectrum": "polar", "model.spectral_kernel": 3},
    "no_radial_gain": {"model.radial_bands": 0},
    "pixels": {"model.spectrum": "pixels", "model.radial_bands": 0},
    # Losses.
    "loss_on_spa": {"loss.spectral_on": "spa"},
    "no_spectral_loss": {"loss.spectral_weight": 0.0},
    "no_fre_loss": {"loss.fre_weight": 0.0, "loss.fre_weight_final": 0.0, "loss.spectral_on": "spa"},
    "fading_fre_loss": {"loss.fre_weight_final": 0.0},
    "polar_loss": {"loss.spectral": "polar"},
}  # fmt: skip


def get_config():
    config = base.get_config()
    config.model.name = "smlnet_s"
    config.train.steps = 20_000
    config.campaign = section(members=MEMBERS, reference="smlnet_s", seeds=(0, 1, 2))
    return config
