#!/bin/bash
# Cloud TPU slice: the same command on every host of it, from one's own machine. JAX asks the slice for the addresses.
#
#   TPU=smlnet ZONE=us-west4-a launch/tpu_pod.sh --config=configs/smlnet_x8.py --workdir=/mnt/shared/x8 \
#     --config.data.train=/mnt/shared/faces
#
# The hosts go on when this end is gone, by Ctrl-C or a lost connection. To stop them, so that the run saves:
#   gcloud compute tpus tpu-vm ssh smlnet --zone=us-west4-a --worker=all --command="pkill -TERM -f train.py"
#
# The checkout lies in REPO on each host (default: smlnet_jax, in the home folder), the workdir where all of them see it.
set -euo pipefail

tpu=${TPU:?name the slice: TPU=NAME ZONE=ZONE $0 ...}
zone=${ZONE:?name its zone: TPU=NAME ZONE=ZONE $0 ...}
printf -v arguments ' %q' "$@"
exec "${GCLOUD:-gcloud}" compute tpus tpu-vm ssh "$tpu" --zone="$zone" --worker=all \
  --command="cd ${REPO:-smlnet_jax} && ${PYTHON:-python} train.py$arguments --config.train.distributed=True"
