"""Scores weights on folders of faces, beside bicubic, under every protocol; see docs/evaluation.md.

    python eval.py --config=configs/smlnet_x8.py --workdir=runs/x8 --config.eval.data=celeba=FOLDER,lfw=FOLDER

scores the best checkpoint of runs/x8; --config.eval.weights=WHAT scores another workdir, a pretrained name or
folder, or `bicubic`. It prints a table a set, and writes eval.json, eval/<set>.csv and eval/<set>.png into
the workdir.
"""

from smlnet_jax import recipe_flags
from smlnet_jax.allocation import keep_freed_memory
from smlnet_jax.evaluation.run import run

if __name__ == "__main__":
    keep_freed_memory()
    recipe_flags.run(run, workdir_help="Folder for the results; by default also where the weights are.")
