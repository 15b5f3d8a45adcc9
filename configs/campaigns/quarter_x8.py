"""SMLNet beside SFMNet with every width divided by 4, x8, 8 -> 64. For CPUs, hours.

Cost:    0.07 to 0.50 GMACs an image of 64x64; 500 steps of 8, 2 to 20 minutes of a core each.
Shows:   twice the widths of cpu_x8's eighths, so whether what holds there goes on to hold; not full widths.
Command: python -m smlnet_jax.campaign --config=configs/campaigns/quarter_x8.py --workdir=W
             --config.data.train=A --config.data.val=B --config.eval.data=celeba=C,lfw=D
"""

from configs.campaigns import ablations_x8, cpu_x8, lite_x8
from smlnet_jax.campaign.plan import section

FULL = {"model.name": "smlnet_full", "model.spat_widths": (16,) * 4, "model.freq_widths": (16,) * 4}
SMLNET = cpu_x8.SMLNET
RESIDUAL = {**SMLNET, **lite_x8.RESIDUAL, "model.spat_widths": (24, 32, 32, 32)}
SFMNET = {**cpu_x8.SFMNET, "model.width": 16}
POLAR_LOSS = {"loss.spectral": "polar"}
# SFMNet's own: I_fre counts as much as the result to the end, and spectra are compared on it.
PAPER_WEIGHTS = {"loss.fre_weight": 1.0, "loss.fre_weight_final": 1.0, "loss.spectral_on": "fre"}
PAPER_LOSS = {**POLAR_LOSS, **PAPER_WEIGHTS}
ABLATIONS = (
    "frequency", "decoder_only", "msim_everywhere", "mfeb", "mfeb_3", "mfeb_1_3", "mfeb_3_5_7_9",
    "mfeb_input_skip", "complex_3x3", "phasor", "phasor_3x3", "polar_3x3", "no_spectral_loss",
    "no_fre_loss", "polar_loss",
)  # fmt: skip

MEMBERS = {
    "sfmnet": SFMNET,
    "sfmnet_polar_loss": {**SFMNET, **POLAR_LOSS},
    "sfmnet_paper_loss": {**SFMNET, **PAPER_LOSS},
    "sfmnet_literal": {**SFMNET, **PAPER_LOSS, "model.literal": True},
    "smlnet_full": FULL,
    "smlnet_full_s": cpu_x8.EIGHTH,  # a quarter of 32 is an eighth of 64; the blocks are the same
    "smlnet_full_mirror": {**FULL, **lite_x8.MIRROR},
    "smlnet": SMLNET,
    "smlnet_mirror": {**SMLNET, **lite_x8.MIRROR},
    "smlnet_s": {**SMLNET, "model.name": "smlnet_s", "model.spat_widths": (20, 36, 64, 80)},
    "smlnet_l": {**SMLNET, "model.name": "smlnet_l", "model.spat_widths": (48, 80, 96, 112)},
    # Residual blocks for NAF blocks, and MFEB: 1.1 times smlnet_s; 1.1, 1.7, 2.4 and 2.0 times smlnet.
    "residual_s": {**RESIDUAL, "model.spat_widths": (16, 24, 32, 32)},
    "residual": RESIDUAL,
    "residual_deeper": {**RESIDUAL, "model.blocks": (1, 4, 4, 4)},
    "residual_wider": {**RESIDUAL, "model.spat_widths": (36, 48, 48, 48)},
    "residual_unet": {**RESIDUAL, "model.spat_widths": (24, 40, 64, 96)},  # wider where the image is small
    # Without the frequency branch, its multiply-accumulates in wider spatial layers; without the transform.
    "spatial": {**SMLNET, "model.branches": "spatial", "model.spat_widths": (28, 50, 84, 96)},
    # Three times the share of the operations that the frequency branch and SFIM have, and as many in all.
    "share": {**SMLNET, "model.freq_widths": (16,) * 4, "model.spat_widths": (28, 44, 76, 88)},
    "pixels": {**SMLNET, "model.spectrum": "pixels", "model.radial_bands": 0},
    # Without one part of MSIM.
    "no_interaction": {**SMLNET, "model.fusion": "none"},
    "gate": {**SMLNET, "model.fusion": "gate"},
    "attention": {**SMLNET, "model.fusion": "attention"},
    "concat": {**SMLNET, "model.fusion": "concat"},
    "one_way": {**SMLNET, "model.two_way": False},
    "no_radial_gain": {**SMLNET, "model.radial_bands": 0},
    # SFIM at 16^2 and 8^2 as well.
    "coarse_too": {**SMLNET, **lite_x8.MEMBERS["coarse_too"]},
    # The rest of what ablations_x8 asks at full width, and with what loss.
    **{name: {**SMLNET, **ablations_x8.MEMBERS[name]} for name in ABLATIONS},
    "frequency_equal_macs": {**SMLNET, "model.branches": "frequency", "model.freq_widths": (56,) * 4},
    "paper_weights": {**SMLNET, **PAPER_WEIGHTS},
}  # fmt: skip


def get_config():
    config = cpu_x8.get_config()
    config.campaign = section(members=MEMBERS, reference="sfmnet", seeds=(0, 1, 2))
    return config
