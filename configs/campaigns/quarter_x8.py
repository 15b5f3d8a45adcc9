"""SMLNet beside SFMNet with every width divided by 4, x8, 8 -> 64. For CPUs, hours.

Cost:    0.07 to 0.50 GMACs an image of 64x64; 500 steps of 8, 2 to 20 minutes of a core each.
Shows:   twice the widths of cpu_x8's eighths, so whether what holds there goes on to hold; not full widths.
Command: python -m smlnet_jax.campaign --config=configs/campaigns/quarter_x8.py --workdir=W
             --config.data.train=A --config.data.val=B --config.eval.data=celeba=C,lfw=D
"""

from configs.campaigns import cpu_x8, lite_x8
from smlnet_jax.campaign.plan import section

# Two channels a head in all of them: with one, attention between channels would have nothing to choose from.
FULL = {"model.name": "smlnet_full", "model.spat_widths": (16,) * 4, "model.freq_widths": (16,) * 4}
SMLNET = {
    "model.name": "smlnet", "model.spat_widths": (24, 32, 32, 32), "model.freq_widths": (8,) * 4,
    "model.attention_heads": 4,
}  # fmt: skip

MEMBERS = {
    "sfmnet": {**cpu_x8.SFMNET, "model.width": 16},
    "smlnet_full": FULL,
    "smlnet_full_s": cpu_x8.EIGHTH,  # a quarter of 32 is an eighth of 64; the blocks are the same
    "smlnet_full_mirror": {**FULL, **lite_x8.MIRROR},
    "smlnet": SMLNET,
    "smlnet_s": {**SMLNET, "model.name": "smlnet_s", "model.spat_widths": (16, 24, 32, 32)},
    # Without the frequency branch, its multiply-accumulates in wider spatial layers; without the transform.
    "spatial": {**lite_x8.SPATIAL_MFEB, **SMLNET, "model.spat_widths": (24, 34, 32, 32)},
    "pixels": {**SMLNET, "model.spectrum": "pixels", "model.radial_bands": 0},
    # Without one part of MSIM.
    "no_interaction": {**SMLNET, "model.fusion": "none"},
    "gate": {**SMLNET, "model.fusion": "gate"},
    "concat": {**SMLNET, "model.fusion": "concat"},
    "one_way": {**SMLNET, "model.two_way": False},
    "no_mfeb": {**SMLNET, "model.mfeb_kernels": ()},
    "no_radial_gain": {**SMLNET, "model.radial_bands": 0},
    # SFIM at 16^2 and 8^2 as well.
    "coarse_too": {**SMLNET, **lite_x8.MEMBERS["coarse_too"]},
}  # fmt: skip


def get_config():
    config = cpu_x8.get_config()
    config.campaign = section(members=MEMBERS, reference="sfmnet", seeds=(0, 1, 2))
    return config
