#!/bin/bash
# Several processes on this machine's CPU, with Gloo between them: to try a command before a cluster runs it.
#
#   PROCESSES=2 launch/local.sh --config=configs/smlnet_test.py --workdir=runs/try --config.data.train=faces
set -euo pipefail
cd "$(dirname "$0")/.."

count=${PROCESSES:-2} coordinator="localhost:${PORT:-12355}" started=()
[[ $count =~ ^[1-9][0-9]*$ ]] || { echo "PROCESSES='$count' is no number of processes; give 1 or more" >&2; exit 2; }
export JAX_PLATFORMS=cpu
trap 'kill -TERM "${started[@]}" 2>/dev/null || true' INT TERM
for ((rank = 0; rank < count; rank++)); do
  "${PYTHON:-python}" train.py "$@" --config.train.distributed=True --config.train.coordinator="$coordinator" \
    --config.train.num_processes="$count" --config.train.process_id="$rank" &
  started+=($!)
done

code=0
for process in "${started[@]}"; do
  status=0
  wait "$process" || status=$?
  if ((status > 128)); then # a signal cut the waiting short; the process is still saving
    status=0
    wait "$process" || status=$?
  fi
  ((status == 0)) || code=$status
done
exit "$code"
