"""A peer in PyTorch: how it is named, what is said without torch, and, with torch, that it is timed."""

import contextlib
import json
import sys
import types
from typing import ClassVar

import pytest

from benchmarks import model, peer
from smlnet_jax.errors import UserError


class Module:
    """In the place of torch.nn.Module."""


@pytest.fixture
def stand_in(monkeypatch):
    """A torch that can be imported, no more."""
    torch = types.SimpleNamespace(nn=types.SimpleNamespace(Module=Module))
    monkeypatch.setattr(peer, "_torch", lambda: torch)


@pytest.fixture
def net(tmp_path):
    (tmp_path / "beside.py").write_text("WIDTH = 3\n")
    path = tmp_path / "net.py"
    path.write_text(
        "from beside import WIDTH\nfrom tests.benchmarks.test_peer import Module\n"
        "class Net(Module):\n    def __init__(self, width=WIDTH):\n        self.width = width\n"
    )
    return path


def test_without_torch_the_option_says_so(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert model.main(["--quick", "--peer", "net.py:Net()"]) == 2
    assert "--peer needs PyTorch, which is not installed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("net.py", "must be FILE.py:EXPRESSION"),
        ("elsewhere.py:Net()", "elsewhere.py is not there"),
        ("net.py:Net", r"Net gives a type, not a torch.nn.Module; write FILE.py:NAME\(ARGUMENTS\)"),
        ("net.py:Ned()", "NameError: name 'Ned' is not defined"),
    ],
)
def test_peer_that_cannot_be_made_is_named(stand_in, net, expression, sentence):
    with pytest.raises(UserError, match=sentence):
        peer.Peer(str(net.parent / expression), 16)


def test_unknown_form_is_refused(stand_in, net):
    with pytest.raises(UserError, match="fp8 is unknown; choose from eager, compile, bf16, bf16-compile"):
        peer.Peer(f"{net}:Net()", 16, ["eager", "fp8"])


class Network(Module):
    """Notes what is done to it, and in `log` when it runs."""

    log: ClassVar[list] = []

    def __init__(self):
        self.memory_format, self.compiled = "contiguous", None

    def to(self, device=None, memory_format=None):
        self.memory_format = memory_format or self.memory_format
        return self

    def eval(self):
        return self

    def __call__(self, images):
        self.log.append((self, images))


@pytest.fixture
def torch(monkeypatch):
    """A torch with what one forward pass needs; `log` has what was compiled, forgotten and run, in order."""
    log = []

    def compiled(network, **options):
        network.compiled = options
        log.append("compile")
        return network

    class Images:
        memory_format = "contiguous"

        def to(self, memory_format):
            self.memory_format = memory_format
            return self

    stand_in = types.SimpleNamespace(
        nn=types.SimpleNamespace(Module=Module),
        backends=types.SimpleNamespace(cudnn=types.SimpleNamespace(benchmark=False)),
        compiler=types.SimpleNamespace(reset=lambda: log.append("reset")),
        compile=compiled,
        set_float32_matmul_precision=lambda precision: None,
        channels_last="channels_last",
        rand=lambda *shape, device: Images(),
        inference_mode=contextlib.nullcontext,
        autocast=lambda device, dtype, enabled: contextlib.nullcontext(),
        bfloat16="bfloat16",
        log=log,
    )
    monkeypatch.setitem(sys.modules, "torch", stand_in)
    monkeypatch.setattr(Network, "log", log)
    return stand_in


@pytest.fixture
def noting(tmp_path):
    path = tmp_path / "noting.py"
    path.write_text("from tests.benchmarks.test_peer import Network\n")
    return f"{path}:Network()"


def test_each_batch_size_is_compiled_anew_for_its_own_shape(torch, noting):
    made = peer.Peer(noting, 16, ["compile", "bf16-compile"])
    assert torch.backends.cudnn.benchmark
    for batch in (1, 8):
        for call in made.forward(batch).values():
            call()
    runs = [entry[0] for entry in torch.log if isinstance(entry, tuple)]
    assert [network.compiled for network in runs] == [{"dynamic": False}] * 4
    # Before the networks of a batch size are compiled, and not between them: that would lose the first one's.
    steps = [entry for entry in torch.log if isinstance(entry, str)]
    assert steps == ["reset", "compile", "compile"] * 2


def test_channels_last_form_lays_out_network_and_images(torch, noting):
    made = peer.Peer(noting, 16, ["bf16", "bf16-compile-channels-last"])
    for call in made.forward(1).values():
        call()
    layouts = [(net.memory_format, images.memory_format) for net, images in torch.log[-2:]]
    assert layouts == [("contiguous",) * 2, ("channels_last",) * 2]
    assert [net.compiled for net, _ in torch.log[-2:]] == [None, {"dynamic": False}]


def test_every_call_has_a_module_of_its_own(stand_in, net):
    built = peer.Peer(f"{net}:Net(width=5)", 16)
    first, second = built._build(), built._build()
    assert first is not second and first.width == second.width == 5


def test_peer_takes_turns_with_ours(monkeypatch, tmp_path, capsys):
    called = []

    class Stand:
        def __init__(self, where, side, forms):
            assert (where, side, forms) == ("net.py:Net()", 8, ["eager"])

        def forward(self, batch):
            return {"eager": lambda: called.append(batch)}

        training = forward

    monkeypatch.setattr(model, "Peer", Stand)
    path = tmp_path / "figures.json"
    flags = ["--peer", "net.py:Net()", "--peer-side", "8", "--peer-forms", "eager"]
    flags += ["--profile", str(tmp_path / "traces")]
    assert model.main(["--quick", "--json", str(path), *flags]) == 0
    found = json.loads(path.read_text())
    assert found["peer"] == "net.py:Net()"
    for row in found["rows"].values():
        assert row["peer"]["eager"]["ours_times_faster"] > 0
    rounds = sum(row["rounds"] + 2 for row in found["rows"].values())
    assert len(called) == rounds
    assert "the peer, eager" in capsys.readouterr().out
    step = found["rows"]["smlnet_test, training step, batch 1"]
    assert step["compiled_again"] == 0
    assert step["donated_mb"] > 0.9  # parameters, their average and Adam's two moments
    traces = {path.name for path in (tmp_path / "traces").iterdir() if any(path.rglob("*.xplane.pb"))}
    assert traces == {"smlnet_test-forward-batch-1", "smlnet_test-training-step-batch-1"}


def test_real_torch_module_is_timed_in_every_form(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "net.py").write_text("from torch import nn\ndef net():\n    return nn.Conv2d(3, 3, 1)\n")
    made = peer.Peer(f"{tmp_path}/net.py:net()", 8, ["eager", "bf16-channels-last"])
    for calls in (made.forward(2), made.training(2)):
        assert set(calls) == {"eager", "bf16-channels-last"}
        for call in calls.values():
            call()
