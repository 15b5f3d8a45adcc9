"""SMLNet's small forms beside every baseline at equal multiply-accumulates, x8, 8 -> 64. For CPUs.

Cost:    0.12 to 0.15 GMACs an image of 64x64, for four less; 500 steps of 8, three to eight minutes.
Shows:   what each network makes of 4,000 faces with one recipe, that of smlnet_lite_x8, which was tuned on
         SMLNet's spatial branch; so SFMNet and SPARNet run with Adam too. Not where long training ends.
Command: python -m smlnet_jax.campaign --config=configs/campaigns/cpu_x8.py --workdir=W --config.data.train=A
             --config.data.val=B --config.eval.data=celeba=C,lfw=D
"""

from configs.campaigns import lite_x8
from smlnet_jax.campaign.plan import section

OWN_LOSS = {"loss.spectral_weight": 0.0}  # L1, that of their papers
ADAM = {"optim.name": "adam", "optim.lr": 1e-3}

# The loss of SMLNet: its own costs it 0.02 to 0.06 dB at a quarter of the widths (docs/results.md).
SFMNET = {"model.name": "sfmnet", "model.width": 8}
SPARNET = {
    "model.name": "sparnet", "model.widths": (12, 16, 32, 32), "model.hourglass_width": 16, **OWN_LOSS,
}  # fmt: skip
# Two channels a head: with one, attention between channels would have nothing to choose from.
SMLNET = {
    "model.name": "smlnet", "model.spat_widths": (28, 48, 80, 96), "model.freq_widths": (8,) * 4,
    "model.attention_heads": 4,
}  # fmt: skip
EIGHTH = {
    "model.name": "smlnet_full", "model.spat_widths": (8,) * 4, "model.freq_widths": (8,) * 4,
    "model.attention_heads": 4,
}  # fmt: skip
S_EIGHTH = {
    "model.name": "smlnet_full_s", "model.spat_widths": (4,) * 4, "model.freq_widths": (4,) * 4,
    "model.attention_heads": 2,
}  # fmt: skip

MEMBERS = {
    "smlnet": SMLNET,  # a quarter of its widths
    "smlnet_lite": {},  # at a quarter of the resolution
    "smlnet_full": {  # at the full resolution, as narrow as that makes it
        "model.name": "smlnet_full", "model.spat_widths": (12,) * 4, "model.freq_widths": (12,) * 4,
        "model.attention_heads": 4,
    },
    # These four with every width divided by 8, as sfmnet's is here: 0.56 and 0.16 of its operations.
    "smlnet_full_eighth": EIGHTH,
    "smlnet_full_s_eighth": S_EIGHTH,
    "smlnet_full_eighth_mirror": {**EIGHTH, **lite_x8.MIRROR},
    "smlnet_full_s_eighth_mirror": {**S_EIGHTH, **lite_x8.MIRROR},
    # The same without the frequency branch, its multiply-accumulates in wider spatial ones.
    "lite_spatial": lite_x8.SPATIAL,
    "full_spatial": {**lite_x8.SPATIAL_MFEB, "model.name": "smlnet_full", "model.spat_widths": (16,) * 4},
    "sfmnet": SFMNET,
    "sparnet": SPARNET,
    "edsr": {"model.name": "edsr", "model.width": 40, "model.res_blocks": 18, **OWN_LOSS},
    "rcan": {
        "model.name": "rcan", "model.width": 40, "model.groups": 3, "model.res_blocks": 8, **OWN_LOSS,
    },
    "restormer": {
        "model.name": "restormer", "model.width": 12, "model.blocks": (1,) * 4, "model.refinement": 0,
        **OWN_LOSS,
    },
    "sfmnet_adam": {**SFMNET, **ADAM},
    "sparnet_adam": {**SPARNET, **ADAM},
}  # fmt: skip
THREE = (
    "smlnet", "smlnet_lite", "lite_spatial", "smlnet_full_eighth", "smlnet_full_s_eighth",
    "smlnet_full_eighth_mirror", "smlnet_full_s_eighth_mirror", "sfmnet", "sparnet", "edsr", "rcan",
    "restormer",
)  # fmt: skip


def get_config():
    config = lite_x8.get_config()
    config.data.size = 64
    config.campaign = section(
        members=MEMBERS,
        reference="sfmnet",
        seeds=(0,),
        seeds_of=dict.fromkeys(THREE, (0, 1, 2)),
    )
    return config
