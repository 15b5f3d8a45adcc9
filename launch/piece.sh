#!/bin/bash
# One piece of a run on a machine that one has for minutes: goes on where the piece before stopped, trains until
# the time is over, saves, and leaves in OUT all that goes home, which is also what the next piece starts from.
#
#   MINUTES=9 OUT=one launch/piece.sh --config=configs/smlnet_s_x8.py --config.data.train=faces
#   IN=one MINUTES=9 OUT=two launch/piece.sh ...                  # the same flags; until two/DONE is there
#
# OUT/run.tar.00, ...   the run (config, metrics, checkpoints), in files of at most PART bytes
# OUT/xla.tar.00, ...   its compiled programs, which a GPU spends minutes on: the next piece does not compile again
# OUT/log.txt           what training said
# OUT/weights           the best averaged weights so far, float16, to be used at once
# OUT/DONE              the last step is reached
#
# MINUTES is the time for training, compilation included. Saving and packing come after: leave them one or two.
set -euo pipefail
: "${OUT:?set OUT= to an empty folder}" "${MINUTES:?set MINUTES= to the time that training has}"
OUT=$(mkdir -p "$OUT" && cd "$OUT" && pwd)
[[ -z $(ls -A "$OUT") ]] || { echo "OUT=$OUT is not empty; give another folder" >&2; exit 2; }
if [[ -n ${IN:-} ]]; then
  IN=$(cd "$IN" && pwd)
  [[ -e $IN/run.tar.00 ]] || { echo "IN=$IN holds no run.tar.00; give the OUT of the piece before" >&2; exit 2; }
fi
cd "$(dirname "$0")/.."

python=${PYTHON:-python}
top=$(mktemp -d)
workdir=$top/run
trap 'rm -rf "$top"' EXIT
mkdir "$workdir" "$top/xla"
for part in run xla; do
  [[ ! -e ${IN:-}/$part.tar.00 ]] || cat "$IN/$part".tar.* | tar -x -C "$top/$part"
done
# Without XLA's own caches, whose folder would be part of what a program is known by: it is another in every piece.
export JAX_COMPILATION_CACHE_DIR=$top/xla JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES=none

code=0
timeout --preserve-status --signal=TERM "${MINUTES}m" \
  "$python" train.py "$@" --workdir="$workdir" 2>&1 | tee "$OUT/log.txt" || code=$?

# A run that failed comes home, too: its last checkpoint is as good as it was.
for part in run xla; do
  tar -c -C "$top/$part" . | split -b "${PART:-15000000}" -d - "$OUT/$part.tar."
done
if [[ -n $(ls "$workdir/checkpoints" 2>/dev/null) ]]; then
  "$python" -m smlnet_jax export "$workdir" -o "$OUT/weights" --dtype float16 --no-speed || code=$?
fi
if ((code == 0)) && grep -qE '^(done: step|nothing to do:)' "$OUT/log.txt"; then touch "$OUT/DONE"; fi
exit "$code"
