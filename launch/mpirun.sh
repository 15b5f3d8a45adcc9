#!/bin/bash
# MPI's launcher (Open MPI 4 and 5, MPICH, Intel MPI), a process for each host, which takes all of its GPUs.
# HOSTS names the hosts, with commas between; the first one coordinates. Slots (node1:8) are left out: there is one
# process to each.
#
#   HOSTS=node1,node2 launch/mpirun.sh --config=configs/smlnet_x8.py --workdir=/shared/x8 \
#     --config.data.train=/shared/faces
#
# JAX finds Open MPI 4 by itself and not 5 (github.com/jax-ml/jax/issues/14576): the addresses are given here.
set -euo pipefail
cd "$(dirname "$0")/.."

given=${HOSTS:?name the hosts: HOSTS=node1,node2 $0 ...}
IFS=, read -ra names <<<"${given//[[:space:]]/}"
hosts=
for name in "${names[@]:-}"; do
  [[ $name =~ ^([^:]+)(:[0-9]+)?$ ]] ||
    { echo "HOSTS='$given': '$name' is no name of a host; give them as in HOSTS=node1,node2" >&2; exit 2; }
  hosts+=${hosts:+,}${BASH_REMATCH[1]}
done
export COORDINATOR="${hosts%%,*}:${PORT:-12355}" PROCESSES=${#names[@]} PYTHON="${PYTHON:-python}"

# shellcheck disable=SC2016 # the rank is known only where the process runs
process='rank=${OMPI_COMM_WORLD_RANK:-${PMIX_RANK:-${PMI_RANK:?no rank from MPI}}}
exec "$PYTHON" train.py "$@" --config.train.distributed=True --config.train.coordinator="$COORDINATOR" \
  --config.train.num_processes="$PROCESSES" --config.train.process_id="$rank"'

# Which one it is, read to its end: a pipe to grep -q would be closed early, and the launcher die of it.
mpirun=${MPIRUN:-mpirun}
version=$("$mpirun" --version 2>&1) || true
start=("$mpirun" -n "$PROCESSES" --host "$hosts")
case $version in
  # Open MPI hands on only the variables that it is told of, where the others hand on all, and would give two
  # processes one core each, for all of their threads.
  *'Open MPI'* | *OpenRTE*) start+=(--bind-to none -x COORDINATOR -x PROCESSES -x PYTHON) ;;
  # Intel MPI would fill the first host with a process for each of its cores, or as its scheduler has it.
  *'Intel(R) MPI'*)
    start=("$mpirun" -n "$PROCESSES" -ppn 1 -hosts "$hosts")
    export I_MPI_JOB_RESPECT_PROCESS_PLACEMENT=off
    ;;
esac
exec "${start[@]}" bash -c "$process" process "$@"
