"""Shapes and sizes of smlnet_lite: what PSNR costs, in operations and in measured milliseconds. x8. For CPUs.

Cost:    0.14 to 1.7 GMACs an image; 500 steps of 8, two to twenty-five minutes of a core each.
Shows:   4,000 faces of one recipe, which was tuned on smlnet_lite; larger networks gain more from longer
         training than smaller ones. With --time, the forward passes too, in turns in one process.
Command: python -m smlnet_jax.campaign --config=configs/campaigns/frontier_x8.py --workdir=W --time
             --config.data.train=A --config.data.val=B --config.eval.data=celeba=C,lfw=D
"""

from configs.campaigns import lite_x8
from smlnet_jax.campaign.plan import section


def widths(spatial, frequency, **others):
    """A shape: channels of both branches by level, finest first, and what else differs."""
    shape = {"spat_widths": spatial, "freq_widths": frequency, **others}
    return {f"model.{name}": value for name, value in shape.items()}


MEMBERS = {
    "smlnet_lite": {},  # 0.47 GMACs: (64, 96, 128, 128) and (16, 32, 32, 32)
    # The same shape, narrower and wider.
    "narrowest": widths((32, 48, 64, 64), (8, 16, 16, 16)),  # 0.14
    "narrow": widths((48, 72, 88, 88), (16, 24, 24, 24)),  # 0.28
    "wide": widths((88, 136, 184, 184), (24, 48, 48, 48)),  # 0.90
    # Other shapes of about its size.
    "finer": widths((24, 48, 80, 96), (8, 16, 24, 32), unshuffle=2),  # 0.43, at half the resolution
    "more_blocks": widths((48, 72, 104, 104), (16, 24, 24, 24), blocks=(2, 2, 2, 2)),  # 0.47
    "more_res_blocks": widths((48, 80, 112, 112), (16, 24, 24, 24), res_blocks=6),  # 0.42
    "flat": widths((80, 80, 80, 80), (24, 24, 24, 24)),  # 0.48
    "more_frequency": widths((56, 80, 104, 104), (32, 48, 64, 64)),  # 0.41
    # Other networks.
    "spatial": lite_x8.MEMBERS["spatial_equal_macs"],
    "edsr": lite_x8.MEMBERS["edsr"],
    # Last, because it takes longest.
    "widest": widths((128, 192, 256, 256), (32, 64, 64, 64)),  # 1.74
}


def get_config():
    config = lite_x8.get_config()
    config.campaign = section(members=MEMBERS, reference="smlnet_lite")
    return config
