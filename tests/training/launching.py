"""Starting what is in launch/: scripts as a shell does it, manifests as Kubernetes does it.

Cluster programs are stand-ins on PATH that do on one machine what theirs do on many: start the processes,
each with its part of the environment.
"""

import os
import re
import subprocess

import yaml

from tests.training.command import REPO

LAUNCH = REPO / "launch"
MANIFESTS = ("kubernetes_job.yaml", "kubernetes_jobset.yaml")

MPIRUN = """#!/bin/bash
[[ $1 == --version ]] && { echo 'mpirun (Open MPI) 5.0.5'; exit; }
count=$2; shift 4 # -n COUNT --host HOSTS
while [[ $1 == -x || $1 == --bind-to ]]; do shift 2; done
for ((i = 0; i < count; i++)); do OMPI_COMM_WORLD_RANK=$i "$@" & done
for ((i = 0; i < count; i++)); do wait -n || exit 1; done
"""


def launch(script: str, *flags: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["bash", str(LAUNCH / script), *flags],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=500, cwd=REPO, check=False,
    )  # fmt: skip


def pods(manifest: str) -> tuple[dict, dict]:
    """The pods' container, and the Job's spec, of a manifest."""
    *_, last = yaml.safe_load_all((LAUNCH / manifest).read_text())
    job = last["spec"] if last["kind"] == "Job" else last["spec"]["replicatedJobs"][0]["template"]["spec"]
    [container] = job["template"]["spec"]["containers"]
    return container, job


def expanded(container: dict, index: int) -> tuple[list[str], dict[str, str]]:
    """Command and environment of pod `index`, as Kubernetes makes them."""
    values = {entry["name"]: entry.get("value", str(index)) for entry in container["env"]}
    return [re.sub(r"\$\((\w+)\)", lambda m: values[m[1]], word) for word in container["command"]], values
