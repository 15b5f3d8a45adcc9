"""For every test: eight simulated CPU devices, quick compilation, real faces where they are at hand."""

import os
from pathlib import Path

# Compiling is most of what the tests take, LLVM a quarter of that; the quick start of .ci/run has all of it.
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=0"

import hypothesis
import jax
import pytest

hypothesis.settings.register_profile("patient", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("patient")
jax.config.update("jax_num_cpu_devices", 8)  # before the first computation; single-device tests use the first

_BESIDE = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def faces() -> Path:
    """Folder of aligned 128x128 faces (celeba/, congress/, lfw/): SMLNET_FACES, or beside the checkout."""
    folder = Path(os.environ.get("SMLNET_FACES", _BESIDE / "faces128"))
    if not folder.is_dir():
        pytest.skip("no aligned faces here; set SMLNET_FACES to a folder that holds celeba/val and so on")
    return folder


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder of reference metric values made by independent code: SMLNET_GOLDEN, or beside the checkout."""
    folder = Path(os.environ.get("SMLNET_GOLDEN", _BESIDE / "golden"))
    if not folder.is_dir():
        pytest.skip("no reference metric values here; set SMLNET_GOLDEN to the folder with bicubic_*.json")
    return folder
