"""Freed memory is kept: a block that was freed costs no page faults when it is asked for again."""

import os
import subprocess
import sys

import pytest

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
print(faults())
"""
PAGES = 5 * 48_000_000 // os.sysconf("SC_PAGE_SIZE")  # of what five calls hold


def run(**environment):
    own = {k: v for k, v in os.environ.items() if k != "GLIBC_TUNABLES" and not k.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=own | environment, capture_output=True, text=True, check=True
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
