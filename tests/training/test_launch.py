"""The scripts and manifests of launch/: what they start, what they refuse, and how they stop."""

import io
import os
import runpy
import shutil
import signal
import stat
import subprocess
import tarfile
import time

import pytest
import yaml

from tests.training.command import REPO
from tests.training.launching import LAUNCH, MANIFESTS, MPIRUN, expanded, launch, pods

SCRIPTS = sorted(path.name for path in LAUNCH.iterdir() if path.suffix in (".sh", ".sbatch"))

SAYS = """#!/bin/bash
[[ $1 == --version ]] && { echo "$VERSION"; sleep 0.05; echo 'report bugs to'; exit; }
line=$(printf '%s|' "$@")
printf '%s\\n' "$line" >>"$SAID" # one write, so that processes do not cut into each other's lines
"""


@pytest.fixture
def said(tmp_path, monkeypatch):
    """What `SAYS` was called with, sorted."""
    monkeypatch.setenv("SAID", str(tmp_path / "said"))
    return lambda: sorted(line.split("|")[:-1] for line in (tmp_path / "said").read_text().splitlines())


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_is_bash_that_can_be_started(script):
    assert subprocess.run(["bash", "-n", str(LAUNCH / script)], check=False).returncode == 0
    assert (LAUNCH / script).stat().st_mode & stat.S_IXUSR
    if shellcheck := shutil.which("shellcheck"):
        found = subprocess.run(
            [shellcheck, str(LAUNCH / script)], capture_output=True, text=True, check=False
        )
        assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_manifest_names_as_many_processes_as_it_starts_and_pod_0_as_coordinator(manifest):
    documents = list(yaml.safe_load_all((LAUNCH / manifest).read_text()))
    container, job = pods(manifest)
    assert job["completionMode"] == "Indexed"
    assert job["completions"] == job["parallelism"]
    name = documents[-1]["metadata"]["name"]
    if documents[-1]["kind"] == "Job":  # pods are NAME-INDEX.SUBDOMAIN, if a headless service has that name
        assert documents[0]["spec"]["clusterIP"] == "None"
        assert documents[0]["spec"]["selector"] == {"job-name": name}
        assert documents[0]["metadata"]["name"] == job["template"]["spec"]["subdomain"]
        first = f"{name}-0.{job['template']['spec']['subdomain']}"
    else:  # and NAME-REPLICATED_JOB-0-INDEX.NAME
        first = f"{name}-{documents[-1]['spec']['replicatedJobs'][0]['name']}-0-0.{name}"
    for index in range(job["completions"]):
        command, values = expanded(container, index)
        port = container["ports"][0]["containerPort"]
        assert f"--config.train.coordinator={first}:{port}" in command
        assert f"--config.train.num_processes={job['completions']}" in command
        assert f"--config.train.process_id={index}" in command
        workdir = next(word.partition("=")[2] for word in command if word.startswith("--workdir"))
        recipe = next(word.partition("=")[2] for word in command if word.startswith("--config="))
        steps = runpy.run_path(str(REPO / recipe))["get_config"]().train.steps
        assert values["DONE"] == f"{workdir}/checkpoints/{steps}"


def test_every_mpi_process_gets_its_own_rank_and_words_with_spaces_whole(programs, said):
    programs(mpirun=MPIRUN, says=SAYS)
    assert launch("mpirun.sh", "--workdir=a b", HOSTS="one,two", PYTHON="says", PORT="7").returncode == 0
    assert said() == [
        ["train.py", "--workdir=a b", "--config.train.distributed=True",
         "--config.train.coordinator=one:7", "--config.train.num_processes=2",
         f"--config.train.process_id={rank}"]
        for rank in (0, 1)
    ]  # fmt: skip


OPEN_MPI = ["--bind-to", "none", "-x", "COORDINATOR", "-x", "PROCESSES", "-x", "PYTHON"]


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("mpirun (Open MPI) 5.0.5", ["-n", "2", "--host", "one,two", *OPEN_MPI]),
        ("mpiexec (OpenRTE) 4.1.4", ["-n", "2", "--host", "one,two", *OPEN_MPI]),
        ("HYDRA build details:", ["-n", "2", "--host", "one,two"]),
        (
            "Intel(R) MPI Library for Linux* OS, Version 2021.14",
            ["-n", "2", "-ppn", "1", "-hosts", "one,two"],
        ),
    ],
    ids=["Open MPI 5", "Open MPI 4", "MPICH", "Intel MPI"],
)
def test_each_mpi_is_told_to_start_a_process_on_each_host(programs, said, tmp_path, version, words):
    """Each launcher still has something to say of its version after the line that it is known by."""
    programs(mpirun=SAYS)
    assert launch("mpirun.sh", HOSTS="one,two", VERSION=version).returncode == 0
    assert (tmp_path / "said").read_text().split("|bash|-c|")[0].split("|") == words


def test_hosts_may_have_slots_and_spaces(programs, said):
    programs(mpirun=MPIRUN, says=SAYS)
    assert launch("mpirun.sh", HOSTS="one:8, two:8 ", PYTHON="says", PORT="7").returncode == 0
    assert [words[2:4] for words in said()] == [
        ["--config.train.coordinator=one:7", "--config.train.num_processes=2"]
    ] * 2
    programs(mpirun=SAYS)
    assert launch("mpirun.sh", HOSTS="one:8, two:8 ", VERSION="HYDRA").returncode == 0
    assert ["-n", "2", "--host", "one,two"] in [words[:4] for words in said()]


@pytest.mark.parametrize("hosts", ["one,,two", "one:eight", " "])
def test_hosts_without_a_name_are_refused(programs, hosts):
    programs(mpirun=MPIRUN)
    refused = launch("mpirun.sh", HOSTS=hosts, PYTHON="true")
    assert refused.returncode == 2 and "is no name of a host; give them as in" in refused.stderr


@pytest.mark.parametrize("flags", [[], ["--workdir=a b", "--note=it's $HOME"]], ids=["none", "some"])
@pytest.mark.parametrize("repo", ["smlnet_jax", "my repo", "~/my repo"])
def test_every_host_of_a_tpu_slice_gets_the_command(programs, said, tmp_path, repo, flags):
    """What gcloud is given goes through a shell on the host, as here, in that host's home folder."""
    checkout = tmp_path / "home" / repo.removeprefix("~/")
    checkout.mkdir(parents=True)
    programs(gcloud=SAYS)
    assert launch("tpu_pod.sh", *flags, TPU="slice", ZONE="here", REPO=repo, PYTHON="says").returncode == 0
    [words] = said()
    assert words[:7] == ["compute", "tpus", "tpu-vm", "ssh", "slice", "--zone=here", "--worker=all"]
    name, _, command = words[7].partition("=")
    assert name == "--command"

    programs(says=f"#!/bin/bash\n[[ $PWD == '{checkout}' ]] || exit 9\n" + SAYS)
    home = {**os.environ, "HOME": str(tmp_path / "home"), "SAID": str(tmp_path / "there")}
    assert subprocess.run(["bash", "-c", command], env=home, cwd=home["HOME"], check=False).returncode == 0
    started = (tmp_path / "there").read_text().rstrip("\n").split("|")[:-1]
    assert started == ["train.py", *flags, "--config.train.distributed=True"]


@pytest.mark.parametrize(("script", "name"), [("tpu_pod.sh", "TPU"), ("mpirun.sh", "HOSTS")])
def test_script_without_its_settings_says_which(script, name):
    failed = launch(script)
    assert failed.returncode != 0 and f"{name}=" in failed.stderr


@pytest.mark.parametrize("count", ["0", "two", "-1", "1.5"])
def test_number_of_local_processes_that_is_none_is_refused(count):
    refused = launch("local.sh", PYTHON="true", PROCESSES=count)
    assert refused.returncode == 2
    assert refused.stderr == f"PROCESSES='{count}' is no number of processes; give 1 or more\n"


def test_slurm_job_from_another_folder_says_where_to_call_it(programs, tmp_path):
    programs(srun=SAYS)
    refused = launch("slurm.sbatch", SLURM_SUBMIT_DIR=str(tmp_path))
    assert refused.returncode == 2
    assert f"there is no train.py in {tmp_path}; call sbatch in the folder of the checkout" in refused.stderr


def until(happened):
    """Waits for it, ten seconds at most."""
    for _ in range(200):
        if happened():
            break
        time.sleep(0.05)


def test_failure_of_one_local_process_is_the_script_s(programs):
    programs(fails="#!/bin/bash\n[[ $* != *process_id=1* ]]")
    assert launch("local.sh", PYTHON="fails", PROCESSES="3").returncode == 1
    assert launch("local.sh", PYTHON="true", PROCESSES="3").returncode == 0


def test_local_processes_that_are_stopped_are_waited_for_until_they_have_saved(programs, tmp_path):
    programs(
        saves=f"#!/bin/bash\ntrap 'sleep 0.2; touch {tmp_path}/saved$$; exit 0' TERM\n"
        f"touch {tmp_path}/up$$\nwhile :; do sleep 0.05; done"
    )
    both = subprocess.Popen(
        ["bash", str(LAUNCH / "local.sh")], env={**os.environ, "PYTHON": "saves", "PROCESSES": "2"}
    )
    until(lambda: len(list(tmp_path.glob("up*"))) == 2)
    both.send_signal(signal.SIGTERM)
    assert both.wait(timeout=30) == 0
    assert len(list(tmp_path.glob("saved*"))) == 2


@pytest.mark.parametrize(
    ("code", "done", "expected"),
    [(0, True, 0), (0, False, 1), (2, True, 2)],
    ids=["done", "stopped", "failed"],
)
def test_pod_succeeds_only_when_the_last_checkpoint_is_there(programs, tmp_path, code, done, expected):
    programs(exits=f"#!/bin/bash\nexit {code}")
    where = tmp_path if done else tmp_path / "checkpoints" / "9"
    assert launch("kubernetes.sh", PYTHON="exits", DONE=str(where)).returncode == expected


def test_pod_without_the_folder_of_its_last_checkpoint_starts_nothing(programs, tmp_path):
    programs(starts=f"#!/bin/bash\ntouch {tmp_path}/started")
    refused = launch("kubernetes.sh", PYTHON="starts", DONE="")
    assert refused.returncode == 2 and "set DONE=" in refused.stderr
    assert not (tmp_path / "started").exists()


def test_evicted_pods_do_not_use_up_the_tries_of_the_job():
    _, job = pods("kubernetes_job.yaml")
    evicted = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
    assert job["podFailurePolicy"]["rules"] == [evicted]
    assert job["template"]["spec"]["restartPolicy"] == "Never"  # or Kubernetes refuses the policy


def test_pod_hands_sigterm_on_and_waits_for_the_save(programs, tmp_path):
    programs(
        saves=f"#!/bin/bash\ntrap 'sleep 0.2; touch {tmp_path}/saved; exit 0' TERM\n"
        f"touch {tmp_path}/up\nwhile :; do sleep 0.05; done"
    )
    pod = subprocess.Popen(
        ["bash", str(LAUNCH / "kubernetes.sh")], env={**os.environ, "PYTHON": "saves", "DONE": "/nowhere"}
    )
    until((tmp_path / "up").exists)
    pod.send_signal(signal.SIGTERM)
    assert pod.wait(timeout=30) == 1
    assert (tmp_path / "saved").exists()


def test_piece_says_what_it_lacks(tmp_path):
    assert "MINUTES=" in launch("piece.sh", OUT=str(tmp_path / "out")).stderr
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    refused = launch("piece.sh", OUT=str(tmp_path / "full"), MINUTES="1")
    assert refused.returncode == 2 and "is not empty" in refused.stderr
    refused = launch("piece.sh", OUT=str(tmp_path / "out"), IN=str(tmp_path / "full"), MINUTES="1")
    assert refused.returncode == 2 and "holds no run.tar.00" in refused.stderr


def test_piece_that_fails_brings_its_run_home(programs, tmp_path):
    programs(fails="#!/bin/bash\nfor word; do :; done\necho kept >${word#*=}/metrics.jsonl\nexit 3")
    done = launch("piece.sh", OUT=str(tmp_path / "one"), MINUTES="1", PART="2000", PYTHON="fails")
    assert done.returncode == 3 and not (tmp_path / "one" / "DONE").exists()
    parts = sorted((tmp_path / "one").glob("run.tar.*"))
    assert len(parts) > 1 and max(part.stat().st_size for part in parts) <= 2000
    with tarfile.open(fileobj=io.BytesIO(b"".join(part.read_bytes() for part in parts))) as packed:
        assert packed.extractfile("./metrics.jsonl").read() == b"kept\n"
