"""What the scripts and manifests of launch/ start trains like one process, and pieces like the whole."""

import os
import re
import subprocess
import sys

import chex
import pytest

import smlnet_jax
from tests.training.bench import rows
from tests.training.command import REPO, checkpoint
from tests.training.launching import MANIFESTS, MPIRUN, expanded, launch, pods
from tests.training.test_distributed import free_port

SRUN = """#!/bin/bash
[[ $1 == --kill-on-bad-exit=1 ]] && shift
for ((i = 0; i < COUNT; i++)); do
  SLURM_JOB_ID=$JOB SLURM_STEP_NODELIST=localhost SLURM_NTASKS=$COUNT SLURM_PROCID=$i SLURM_LOCALID=$i "$@" &
done
for ((i = 0; i < COUNT; i++)); do wait -n || exit 1; done
"""
STOPS_AFTER_A_STEP = """#!/bin/bash
shift 3 # --preserve-status --signal=TERM 1m
[[ -n ${FINISH:-} ]] && exec "$@"
"$@" & run=$!
workdir=${!#}; workdir=${workdir#*=}
until grep -qs '"loss"' "$workdir/metrics.jsonl"; do sleep 0.05; done
kill -TERM $run; wait $run
"""


def losses(workdir):
    return [row["loss"] for row in rows(workdir) if "loss" in row]


@pytest.fixture(scope="module")
def alone(command, tmp_path_factory):
    """The losses of one process."""
    workdir = tmp_path_factory.mktemp("alone")
    code, said = command.finish(*command.flags, "--config.train.steps=2", f"--workdir={workdir}")
    assert code == 0, said
    return losses(workdir)


@pytest.mark.slow
def test_run_in_pieces_is_the_run_in_one(command, programs, tmp_path):
    flags = (*command.flags, "--config.train.steps=5")
    code, said = command.finish(*flags, f"--workdir={tmp_path / 'whole'}")
    assert code == 0, said

    programs(timeout=STOPS_AFTER_A_STEP)
    started = {"MINUTES": "1", "PYTHON": sys.executable, "JAX_PLATFORMS": "cpu"}
    one, two = tmp_path / "one", tmp_path / "two"
    done = launch("piece.sh", *flags, OUT=str(one), **started)
    assert done.returncode == 0, done.stdout
    assert "stopped at step" in (one / "log.txt").read_text() and not (one / "DONE").exists()
    done = launch("piece.sh", *flags, IN=str(one), OUT=str(two), FINISH="1", **started)
    assert done.returncode == 0 and (two / "DONE").exists(), done.stdout

    (tmp_path / "pieces").mkdir()
    subprocess.run(["tar", "-xf", two / "run.tar.00", "-C", tmp_path / "pieces"], check=True)
    assert losses(tmp_path / "pieces") == losses(tmp_path / "whole")
    chex.assert_trees_all_equal(checkpoint(tmp_path / "pieces"), checkpoint(tmp_path / "whole"))
    compiled = [
        set(subprocess.check_output(["tar", "-tf", piece / "xla.tar.00"], text=True).split())
        for piece in (one, two)
    ]
    steps = [
        {name for name in names if "train_step" in name and name.endswith("-cache")} for names in compiled
    ]
    assert steps[0] and steps[0] == steps[1]  # the second compiled no step of its own
    model, _, card = smlnet_jax.load_pretrained(two / "weights")
    assert model.config.name == "smlnet_test" and card.dtype == "float16"


@pytest.fixture
def trains(command, tmp_path, alone):
    """Checks that a start of two steps ends well, with the losses of one process."""
    flags = (*command.flags, "--config.train.steps=2", f"--workdir={tmp_path / 'run'}")

    def check(start) -> None:
        done = start(*flags)
        assert done.returncode == 0, done.stderr
        assert losses(tmp_path / "run") == pytest.approx(alone, rel=1e-4)

    return check


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "fsdp"), [("2", False), ("2", True), ("4", False)], ids=["2", "2 FSDP", "4"]
)
def test_processes_of_this_machine_train_like_one(trains, count, fsdp):
    start = {"PROCESSES": count, "PYTHON": sys.executable, "PORT": str(free_port())}
    trains(lambda *flags: launch("local.sh", *flags, f"--config.train.fsdp={fsdp}", **start))


@pytest.mark.slow
def test_slurm_job_trains_from_its_environment_alone(trains, programs):
    programs(srun=SRUN)
    job = free_port()  # JAX makes the port of it
    trains(
        lambda *flags: launch(
            "slurm.sbatch", *flags, PYTHON=sys.executable, COUNT="2", JOB=str(job), JAX_PLATFORMS="cpu"
        )
    )


@pytest.mark.slow
def test_mpi_processes_train(trains, programs):
    programs(mpirun=MPIRUN)
    hosts, port = "localhost,localhost", str(free_port())
    trains(
        lambda *flags: launch(
            "mpirun.sh", *flags, PYTHON=sys.executable, HOSTS=hosts, PORT=port, JAX_PLATFORMS="cpu"
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize("manifest", MANIFESTS)
def test_pods_train_by_the_manifest_s_command(trains, manifest, tmp_path):
    container, job = pods(manifest)
    address = f"localhost:{free_port()}"

    def start(*flags: str) -> subprocess.CompletedProcess:
        started = []
        for index in range(job["completions"]):
            command, values = expanded(container, index)
            command = [re.sub(r"(?<=coordinator=).*", address, word) for word in command]
            ours = [word for word in command if re.match(r"--config\.train\.", word)]
            values |= {"DONE": str(tmp_path / "run" / "checkpoints" / "2"), "PYTHON": sys.executable}
            started.append(
                subprocess.Popen(
                    [command[0], *flags, *ours], env={**os.environ, "JAX_PLATFORMS": "cpu", **values},
                    cwd=REPO, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                )
            )  # fmt: skip
        said = [process.communicate(timeout=500)[1] for process in started]
        code = max(process.returncode for process in started)
        return subprocess.CompletedProcess(container["command"], code, stderr="\n".join(said))

    trains(start)
