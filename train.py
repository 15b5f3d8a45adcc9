"""Trains a network by a recipe; see docs/training.md.

    python train.py --config=configs/smlnet_x8.py --workdir=runs/x8 --config.data.train=FOLDER
    --config.data.val=FOLDER

Started again with the same --workdir it goes on where it stopped, to the bit. It writes config.json,
metrics.jsonl, checkpoints/ and samples/ into the workdir. SIGTERM and Ctrl-C save and exit with 0.
"""

import sys
from pathlib import Path

from absl import app, flags
from ml_collections import config_flags

from smlnet_jax.config import from_config_dict
from smlnet_jax.errors import one_line_errors
from smlnet_jax.training.loop import train

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "Recipe, such as configs/smlnet_x8.py.", lock_config=True
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run; made if it is not there.")


@one_line_errors
def main(_: list[str]) -> int:
    return train(from_config_dict(_CONFIG.value), Path(_WORKDIR.value))


if __name__ == "__main__":
    flags.mark_flags_as_required(["config", "workdir"])
    sys.exit(app.run(main))
