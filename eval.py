"""Scores weights on folders of faces, beside bicubic, under every protocol; see docs/evaluation.md.

    python eval.py --config=configs/smlnet_x8.py --workdir=runs/x8 --config.eval.data=celeba=FOLDER,lfw=FOLDER

scores the best checkpoint of runs/x8; --config.eval.weights=WHAT scores another workdir, a pretrained name or
folder, or `bicubic`. It prints a table a set, and writes eval.json, eval/<set>.csv and eval/<set>.png into
the workdir.
"""

import sys
from pathlib import Path

from absl import app, flags
from ml_collections import config_flags

from smlnet_jax.config import from_config_dict
from smlnet_jax.errors import one_line_errors
from smlnet_jax.evaluation.run import run

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "Recipe, such as configs/smlnet_x8.py.", lock_config=True
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Folder for the results; by default also where the weights are."
)


@one_line_errors
def main(_: list[str]) -> int:
    return run(from_config_dict(_CONFIG.value), Path(_WORKDIR.value))


if __name__ == "__main__":
    flags.mark_flags_as_required(["config", "workdir"])
    sys.exit(app.run(main))
