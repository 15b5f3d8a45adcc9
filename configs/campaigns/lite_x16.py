"""Whether the frequency branch pays where less is known of the face: smlnet_lite at x16, 8 -> 128. For CPUs.

Cost:    0.47 GMACs an image; 500 steps of 8, minutes of a core each.
Shows:   4,000 faces of the recipe of lite_x8 at twice the scale; not where longer training ends.
Command: python -m smlnet_jax.campaign --config=configs/campaigns/lite_x16.py --workdir=W
             --config.data.train=A --config.data.val=B --config.eval.data=celeba=C,lfw=D
"""

from configs.campaigns import lite_x8
from smlnet_jax.campaign.plan import section

MEMBERS = {
    name: lite_x8.MEMBERS[name] for name in ("smlnet_lite", "spatial_equal_macs", "pixels", "no_interaction")
}


def get_config():
    config = lite_x8.get_config()
    config.data.scale = 16
    config.campaign = section(members=MEMBERS, reference="smlnet_lite", seeds=(0, 1, 2))
    return config
