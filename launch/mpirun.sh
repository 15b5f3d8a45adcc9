#!/bin/bash
# MPI's launcher (Open MPI 4 and 5, MPICH, Intel MPI), a process for each host, which takes all of its GPUs.
# HOSTS names the hosts, with commas between; the first one coordinates.
#
#   HOSTS=node1,node2 launch/mpirun.sh --config=configs/smlnet_x8.py --workdir=/shared/x8 \
#     --config.data.train=/shared/faces
#
# JAX finds Open MPI 4 by itself and not 5 (github.com/jax-ml/jax/issues/14576): the addresses are given here.
set -euo pipefail
cd "$(dirname "$0")/.."

hosts=${HOSTS:?name the hosts: HOSTS=node1,node2 $0 ...}
IFS=, read -ra names <<<"$hosts"
export COORDINATOR="${names[0]}:${PORT:-12355}" PROCESSES=${#names[@]} PYTHON="${PYTHON:-python}"

# shellcheck disable=SC2016 # the rank is known only where the process runs
process='rank=${OMPI_COMM_WORLD_RANK:-${PMIX_RANK:-${PMI_RANK:?no rank from MPI}}}
exec "$PYTHON" train.py "$@" --config.train.distributed=True --config.train.coordinator="$COORDINATOR" \
  --config.train.num_processes="$PROCESSES" --config.train.process_id="$rank"'

# Open MPI hands on only the variables that it is told of, and would give two processes one core each, for all of
# their threads; MPICH and Intel MPI hand on all.
exported=()
if "${MPIRUN:-mpirun}" --version 2>&1 | grep -q 'Open MPI\|OpenRTE'; then
  exported=(--bind-to none -x COORDINATOR -x PROCESSES -x PYTHON)
fi
exec "${MPIRUN:-mpirun}" -n "$PROCESSES" --host "$hosts" "${exported[@]}" bash -c "$process" process "$@"
