#!/bin/bash
# train.py in a pod. A run that was stopped exits with 0, and Kubernetes would take that for the end; so this fails
# unless the checkpoint of the last step, DONE=WORKDIR/checkpoints/STEPS, is there, and the pod is started again.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
[[ -n ${DONE:-} ]] || { echo 'set DONE= to the folder of the last checkpoint, WORKDIR/checkpoints/STEPS' >&2; exit 2; }

"${PYTHON:-python}" train.py "$@" &
process=$!
trap 'kill -TERM "$process"' TERM # a shell does not hand it on
wait "$process"
code=$?
if ((code > 128)); then # the wait was cut short by the signal, or the process died of one
  wait "$process"
  code=$?
fi
((code == 0)) || exit "$code"
[[ -d $DONE ]] || { echo "stopped before the end: there is no $DONE" >&2; exit 1; }
