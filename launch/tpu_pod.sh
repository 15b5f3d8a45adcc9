#!/bin/bash
# Cloud TPU slice: the same command on every host of it, from one's own machine. JAX asks the slice for the addresses.
#
#   TPU=smlnet ZONE=us-west4-a launch/tpu_pod.sh --config=configs/smlnet_x8.py --workdir=/mnt/shared/x8 \
#     --config.data.train=/mnt/shared/faces
#
# The hosts go on when this end is gone, by Ctrl-C or a lost connection. To stop them, so that the run saves:
#   gcloud compute tpus tpu-vm ssh smlnet --zone=us-west4-a --worker=all --command="pkill -TERM -f '[t]rain.py'"
#
# The checkout lies in REPO on each host (default: smlnet_jax, in the home folder), the workdir where all of them see it.
set -euo pipefail

tpu=${TPU:?name the slice: TPU=NAME ZONE=ZONE $0 ...}
zone=${ZONE:?name its zone: TPU=NAME ZONE=ZONE $0 ...}

quoted() { # each word as a shell on a host reads it back; a home folder stays the one there
  local word
  for word; do
    # shellcheck disable=SC2088 # it is to be expanded there, not here
    if [[ $word == '~/'* ]]; then printf '~/%q ' "${word#*/}"; else printf '%q ' "$word"; fi
  done
}

repo=$(quoted "${REPO:-smlnet_jax}")
train=$(quoted "${PYTHON:-python}" train.py "$@" --config.train.distributed=True)
exec "${GCLOUD:-gcloud}" compute tpus tpu-vm ssh "$tpu" --zone="$zone" --worker=all \
  --command="cd ${repo% } && ${train% }"
