"""Trains a network by a recipe; see docs/training.md.

    python train.py --config=configs/smlnet_x8.py --workdir=runs/x8 --config.data.train=FOLDER
    --config.data.val=FOLDER

Started again with the same --workdir it goes on where it stopped, to the bit. It writes config.json,
metrics.jsonl, checkpoints/ and samples/ into the workdir. SIGTERM and Ctrl-C save and exit with 0.
"""

from smlnet_jax import recipe_flags
from smlnet_jax.allocation import keep_freed_memory
from smlnet_jax.training.loop import train

if __name__ == "__main__":
    keep_freed_memory()
    recipe_flags.run(train, workdir_help="Folder of the run; made if it is not there.")
