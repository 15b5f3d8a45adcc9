"""A PyTorch network, timed between ours in the same rounds: `--peer FILE.py:EXPRESSION` of benchmarks.model.

EXPRESSION is evaluated in FILE and gives a `torch.nn.Module`, such as `net.py:SPARNet(scale=8)`. It takes and
returns images [b, 3, h, w]; of a tuple, list or dict of outputs every tensor counts in the loss. Its step is
L1, backward, Adam.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax

from benchmarks.timing import Call
from smlnet_jax.errors import UserError

CHANNELS_LAST = "-channels-last"  # NHWC in memory, which convolutions on a GPU's tensor cores want
_PLAIN = ("eager", "compile", "bf16", "bf16-compile")  # bf16: under autocast
FORMS = (*_PLAIN, *(form + CHANNELS_LAST for form in _PLAIN))


class Peer:
    """The module of `where`, fresh for each call to time, on the device that JAX computes on.

    `side` is that of the images it takes. Raises `UserError` without torch, for an unknown form, and for a
    module that cannot be made.
    """

    def __init__(self, where: str, side: int, forms: Sequence[str] = FORMS[:2]):
        self._torch = _torch()
        if unknown := [form for form in forms if form not in FORMS]:
            raise UserError(f"--peer-forms {unknown[0]} is unknown; choose from {', '.join(FORMS)}")
        self.name, self._build = where, _constructor(where, self._torch.nn.Module)
        self._side, self._forms = side, tuple(forms)
        self._device = "cpu" if jax.devices()[0].platform == "cpu" else "cuda"

    def forward(self, batch: int) -> dict[str, Call]:
        """By form: one forward pass of a batch that lies on the device."""
        return self._calls(self._forward, batch)

    def training(self, batch: int) -> dict[str, Call]:
        """By form: one update, L1 and Adam."""
        return self._calls(self._training, batch)

    def _calls(self, make: Callable[[str, int], Call], batch: int) -> dict[str, Call]:
        # Torch counts the shapes that it compiled a piece of code for: at the second it compiles for any,
        # which is slower, and past a limit it stops. So each batch size starts as if it were alone.
        self._torch.compiler.reset()
        return {form: make(form, batch) for form in self._forms}

    def _forward(self, form: str, batch: int) -> Call:
        torch, network, images = self._torch, self._network(form), self._images(form, batch)
        network.eval()

        def call():
            with torch.inference_mode(), self._precision(form):
                network(images)
            self._wait()

        return call

    def _training(self, form: str, batch: int) -> Call:
        torch, network, images = self._torch, self._network(form), self._images(form, batch)
        network.train()
        adam = torch.optim.Adam(network.parameters(), lr=1e-4)

        def call():
            adam.zero_grad()
            with self._precision(form):
                loss = sum((out.float() - 0.5).abs().mean() for out in _tensors(network(images)))
            loss.backward()
            adam.step()
            self._wait()

        return call

    def _network(self, form: str):
        network = self._build().to(self._device)
        if form.endswith(CHANNELS_LAST):
            network = network.to(memory_format=self._torch.channels_last)
        return self._torch.compile(network, dynamic=False) if "compile" in form else network

    def _images(self, form: str, batch: int):
        images = self._torch.rand(batch, 3, self._side, self._side, device=self._device)
        return images.to(memory_format=self._torch.channels_last) if form.endswith(CHANNELS_LAST) else images

    def _precision(self, form: str):
        return self._torch.autocast(self._device, dtype=self._torch.bfloat16, enabled=form.startswith("bf16"))

    def _wait(self) -> None:
        if self._device == "cuda":
            self._torch.cuda.synchronize()


def _torch():
    # Threads that spin while they wait fight with whatever else runs: a small network on two busy cores took
    # 0.67 s so, and 0.4 ms without.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        import torch
    except ImportError as error:
        raise UserError(
            f"--peer needs PyTorch, which is not installed ({error}); install torch, or leave --peer out"
        ) from error
    torch.set_float32_matmul_precision("high")  # TF32 on a GPU, which is what JAX does without being asked
    torch.backends.cudnn.benchmark = True  # cuDNN tries its algorithms and keeps the fastest, as XLA does
    return torch


def _constructor(where: str, kind: type) -> Callable[[], Any]:
    """What makes the module anew; it is made once here, so that a mistake is told at once."""
    name, separator, expression = where.rpartition(".py:")
    path = Path(f"{name}.py")
    if not separator or not expression:
        raise UserError(f"--peer {where} must be FILE.py:EXPRESSION, such as net.py:Net(scale=8)")
    if not path.is_file():
        raise UserError(f"--peer {where}: {path} is not there")
    sys.path.insert(0, str(path.resolve().parent))  # for what it imports from beside it
    try:
        spec = importlib.util.spec_from_file_location(f"peer_{path.stem}", path)
        assert spec and spec.loader
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        made = eval(expression, vars(module))
    except Exception as error:  # theirs, so anything
        raise UserError(f"--peer {where}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)
    if not isinstance(made, kind):
        raise UserError(
            f"--peer {where}: {expression} gives a {type(made).__name__}, not a torch.nn.Module; write "
            "FILE.py:NAME(ARGUMENTS)"
        )
    return lambda: eval(expression, vars(module))


def _tensors(found: Any) -> list[Any]:
    if isinstance(found, dict):
        found = list(found.values())
    return list(found) if isinstance(found, list | tuple) else [found]
