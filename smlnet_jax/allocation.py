"""Memory that a program keeps between two steps, where JAX computes on the CPU."""

from __future__ import annotations

import ctypes
import os
from importlib.util import find_spec

# mallopt(3): its options, and what they are set to.
KEEP = {
    -8: 1,  # M_ARENA_MAX: one heap for all threads, for that of a thread ends at 64 MB
    -4: 0,  # M_MMAP_MAX: large blocks come from the heap, too
    -1: -1,  # M_TRIM_THRESHOLD: the heap never shrinks
}
ACCELERATORS = ("jax_plugins", "libtpu")  # what JAX finds a GPU or a TPU by


def keep_freed_memory() -> bool:
    """Has glibc keep what is freed, and says whether it does. To be called before JAX starts its threads.

    XLA allocates what a step needs at its start and frees it at its end. glibc maps such large blocks and
    unmaps them, and the kernel clears each of their pages again, every step (docs/benchmarks.md). The price:
    the process stays as large as it ever was. Does nothing without glibc, beside a GPU or TPU, or where
    MALLOC_ARENA_MAX and its kind or GLIBC_TUNABLES are set: whoever sets them has chosen.
    """
    if "GLIBC_TUNABLES" in os.environ or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    if os.environ.get("JAX_PLATFORMS") != "cpu" and any(find_spec(name) for name in ACCELERATORS):
        return False
    try:
        if not os.confstr("CS_GNU_LIBC_VERSION"):
            return False
    except (AttributeError, OSError, ValueError):  # Windows; musl; macOS
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(option, value) for option, value in KEEP.items())
