"""Freed memory is kept: a block that was freed costs no page faults when it is asked for again."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from smlnet_jax import allocation

PROGRAM = """
import resource
from smlnet_jax.allocation import keep_freed_memory
print(keep_freed_memory())
import jax
import jax.numpy as jnp
large = jax.jit(lambda x: x + 1)
x = jnp.ones((12_000_000,))
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        large(x).block_until_ready()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
for _ in range(6):
    faults()  # until the heap has what it needs
print(sorted(faults() for _ in range(7))[3])  # the median: a busy machine frees late now and then
"""
PAGES = 5 * 48_000_000 // os.sysconf("SC_PAGE_SIZE")  # of what five calls hold


def run(**environment):
    own = {k: v for k, v in os.environ.items() if k != "GLIBC_TUNABLES" and not k.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=own | {"JAX_PLATFORMS": "cpu"} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    kept, faults = done.stdout.split()
    return kept == "True", int(faults)


def is_glibc():
    try:
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (AttributeError, OSError, ValueError):
        return False


@pytest.mark.skipif(not is_glibc(), reason="only glibc has mallopt")
def test_freed_memory_is_used_again_without_page_faults():
    kept, faults = run()
    assert kept
    assert faults < PAGES / 10


@pytest.mark.parametrize("name", ["GLIBC_TUNABLES", "MALLOC_ARENA_MAX"])
def test_who_has_told_glibc_otherwise_is_obeyed(name):
    kept, _ = run(**{name: ""})
    assert not kept


def test_a_machine_with_an_accelerator_is_left_alone_unless_told_to_use_its_cpu(monkeypatch):
    told = []
    libc = SimpleNamespace(mallopt=lambda *option: told.append(option) or 1)
    monkeypatch.setattr(allocation.ctypes, "CDLL", lambda _: libc)
    monkeypatch.setattr(allocation, "find_spec", lambda name: name == "libtpu" or None)
    for name in [n for n in os.environ if n.startswith(("MALLOC_", "GLIBC_TUNABLES", "JAX_PLATFORMS"))]:
        monkeypatch.delenv(name)
    assert not allocation.keep_freed_memory()
    assert not told
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert allocation.keep_freed_memory() == is_glibc() == bool(told)
