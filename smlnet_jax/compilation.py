"""Compiled programs that outlive the process."""

from __future__ import annotations

import os
from pathlib import Path

import jax


def keep_compilations() -> None:
    """Lets compiled networks outlive the program, under XDG_CACHE_HOME, unless JAX was told a place."""
    if jax.config.jax_compilation_cache_dir:  # type: ignore[attr-defined]
        return
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    jax.config.update("jax_compilation_cache_dir", str(root / "smlnet_jax" / "xla"))
