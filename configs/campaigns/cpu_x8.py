"""Baselines and main ablations, x8, 8 -> 64, narrow enough for two CPU cores. See docs/campaigns.md.

Cost:    0.13 to 0.29 GMACs an image; 400 steps of 16. Four members at three seeds, the rest at one.
Shows:   what pays early in training at this size. It does not show where long training of full sizes ends.
Command: python -m smlnet_jax.campaign --config=configs/campaigns/cpu_x8.py --workdir=W --config.data.train=A
             --config.data.val=B --config.eval.data=celeba=C,lfw=D
"""

from configs import base
from smlnet_jax.campaign.plan import section

NARROW = {"model.name": "smlnet", "model.spat_widths": (16,) * 4, "model.freq_widths": (16,) * 4}
LITTLE_FRE = {"loss.spectral_on": "spa", "loss.fre_weight": 0.2, "loss.fre_weight_final": 0.02}
LITE = {"model.name": "smlnet_lite", **LITTLE_FRE}
OWN_LOSS = {"loss.spectral_weight": 0.0}  # L1, that of their papers
SPATIAL = {"model.name": "smlnet", "model.branches": "spatial"}

MEMBERS = {
    # About 0.27 GMACs each, three seeds.
    "smlnet": NARROW,
    "spatial": {**SPATIAL, "model.spat_widths": (24,) * 4},
    "sfmnet": {
        "model.name": "sfmnet", "model.width": 12, "model.attention_heads": 4, "loss.spectral": "polar",
    },
    "edsr": {"model.name": "edsr", **OWN_LOSS},
    # About 0.27 GMACs each, one seed.
    "rcan": {"model.name": "rcan", "model.groups": 2, "model.res_blocks": 8, **OWN_LOSS},
    "sparnet": {
        "model.name": "sparnet", "model.widths": (16, 24, 48, 48), "model.hourglass_width": 24, **OWN_LOSS,
    },
    "restormer": {
        "model.name": "restormer", "model.width": 16, "model.blocks": (1,) * 4, "model.refinement": 0,
        **OWN_LOSS,
    },
    "smlnet_half": {
        "model.name": "smlnet", "model.unshuffle": 2, "model.spat_widths": (32,) * 4,
        "model.freq_widths": (32,) * 4,
    },
    # At a quarter of the resolution: 0.15 and 0.14 GMACs.
    "lite": LITE,
    "lite_spatial": {**LITE, "model.branches": "spatial", "model.spat_widths": (72, 104, 144, 144)},
    # What each part of smlnet brings.
    "spatial_same_width": {**SPATIAL, "model.spat_widths": (16,) * 4},
    "frequency_same_width": {**NARROW, "model.branches": "frequency"},
    "fusion_none": {**NARROW, "model.fusion": "none"},
    "fusion_concat": {**NARROW, "model.fusion": "concat"},
    "fusion_gate": {**NARROW, "model.fusion": "gate"},
    "no_mfeb": {**NARROW, "model.mfeb_kernels": ()},
    "complex": {**NARROW, "model.spectrum": "complex"},
    "polar": {**NARROW, "model.spectrum": "polar"},
    "no_radial_gain": {**NARROW, "model.radial_bands": 0},
    "one_way": {**NARROW, "model.two_way": False},
    "decoder_only": {**NARROW, "model.fusion_stages": "decoder"},
    "spectral_on_spa": {**NARROW, "loss.spectral_on": "spa"},
    "no_spectral_loss": {**NARROW, "loss.spectral_weight": 0.0},
    "little_fre_loss": {**NARROW, **LITTLE_FRE},
}  # fmt: skip
THREE = ("smlnet", "spatial", "sfmnet", "edsr")


def get_config():
    config = base.get_config()
    config.data.size = 64
    config.optim.lr = 1e-3
    config.train.steps = 400
    config.train.batch_size = 16
    config.train.log_every = 20
    config.train.val_every = 100
    config.train.val_images = 128
    config.train.save_every = 100
    config.train.keep = 1
    config.campaign = section(
        members=MEMBERS, reference="smlnet", seeds=(0,), seeds_of=dict.fromkeys(THREE, (0, 1, 2))
    )
    return config
