"""Several processes as one program."""

import signal
import socket

import jax
import pytest
from jax.sharding import PartitionSpec

from smlnet_jax.config import TrainConfig
from smlnet_jax.errors import UserError
from smlnet_jax.training import distributed
from smlnet_jax.training.sharding import fsdp_spec
from tests.training.bench import rows
from tests.training.command import checkpoint


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"coordinator": "a:1", "distributed": False}, "add --config.train.distributed=True"),
        ({"coordinator": "a:1"}, "give all three, or none"),
        ({"num_processes": 2, "process_id": 0}, "give all three, or none"),
        ({"coordinator": "node1", "num_processes": 2, "process_id": 0}, "has no port; give HOST:PORT"),
    ],
)
def test_incomplete_description_is_refused(given, sentence):
    with pytest.raises(UserError, match=sentence):
        distributed.initialize(TrainConfig(**{"distributed": True, **given}))


def test_one_process_initialises_nothing(monkeypatch):
    monkeypatch.setattr(distributed.jax.distributed, "initialize", None)
    distributed.initialize(TrainConfig())


def test_processes_that_do_not_find_each_other_say_so(monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("deadline\nexceeded")

    monkeypatch.setattr(distributed.jax.distributed, "initialize", fail)
    config = TrainConfig(distributed=True, coordinator="a:1", num_processes=2, process_id=1)
    with pytest.raises(UserError, match=r"did not find each other \(deadline exceeded\)"):
        distributed.initialize(config)


def test_process_whose_address_is_given_takes_all_devices_of_its_host(monkeypatch):
    """JAX would give it the one of its rank on the host, where it finds Open MPI 4 or Slurm."""
    given = []
    monkeypatch.setattr(distributed.jax.distributed, "initialize", lambda *a, **k: given.append((a, k)))
    distributed.initialize(TrainConfig(distributed=True, coordinator="a:1", num_processes=2, process_id=0))
    distributed.initialize(TrainConfig(distributed=True))
    assert given == [(("a:1", 2, 0), {"cluster_detection_method": "deactivate"}), ((), {})]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("localhost", 0))
        return one.getsockname()[1]


@pytest.mark.slow
@pytest.mark.parametrize("fsdp", [False, True], ids=["data parallel", "FSDP"])
def test_two_processes_train_and_one_goes_on(command, tmp_path, fsdp):
    """Gloo over two processes of one CPU device each, then one process; beside it, one all the way."""
    two, one = tmp_path / "two", tmp_path / "one"
    together = (
        *command.flags, "--config.train.steps=4", f"--workdir={two}", "--config.train.distributed=True",
        f"--config.train.coordinator=localhost:{free_port()}", "--config.train.num_processes=2",
        f"--config.data.val={command.faces}", "--config.train.val_every=2", f"--config.train.fsdp={fsdp}",
    )  # fmt: skip
    processes = [command.start(*together, f"--config.train.process_id={i}") for i in (0, 1)]
    said = [process.communicate(timeout=600)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert "done: step 4" in said[0] and "done" not in said[1]  # the first speaks for both
    step, state = checkpoint(two)
    assert step == 4
    leaves = jax.tree.leaves(state.params)
    assert any(fsdp_spec(leaf.shape, 2) != PartitionSpec() for leaf in leaves)  # or FSDP were not tried

    alone = (*command.flags, "--config.train.steps=6", f"--config.data.val={command.faces}")
    alone = (*alone, "--config.train.val_every=2")
    code, went_on = command.finish(*alone, f"--workdir={two}")
    assert code == 0 and "going on from step 4" in went_on, went_on
    assert command.finish(*alone, f"--workdir={one}")[0] == 0

    trained, expected = ([row for row in rows(workdir) if "loss" in row] for workdir in (two, one))
    assert [row["step"] for row in trained] == [1, 2, 3, 4, 5, 6]
    for ours, theirs in zip(trained, expected, strict=True):
        assert ours["loss"] == pytest.approx(
            theirs["loss"], rel=1e-3
        )  # the same faces, summed in another order
    assert sorted(path.name for path in (two / "samples").iterdir()) == [
        f"step_{step:07d}.png" for step in (2, 4, 6)
    ]


@pytest.mark.slow
def test_signal_to_one_of_two_processes_stops_both_at_the_same_step(command, tmp_path):
    together = (
        *command.flags, "--config.train.steps=100000", f"--workdir={tmp_path}",
        "--config.train.distributed=True", f"--config.train.coordinator=localhost:{free_port()}",
        "--config.train.num_processes=2",
    )  # fmt: skip
    second = command.start(*together, "--config.train.process_id=1")
    code, said = command.signal_at("step 5/", signal.SIGTERM, *together, "--config.train.process_id=0")
    second.communicate(timeout=300)
    assert (code, second.returncode) == (0, 0), said
    step, state = checkpoint(tmp_path)
    assert f"stopped at step {step:,} and saved" in said
    assert int(state.step) == step
