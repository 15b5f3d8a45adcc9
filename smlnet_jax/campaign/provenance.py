"""With what something was measured: code, versions, machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("smlnet-jax", "jax", "jaxlib", "flax", "optax", "grain", "orbax-checkpoint", "numpy", "pillow")


def command() -> str:
    """What was typed, as it can be typed again."""
    return shlex.join(["python", "-m", "smlnet_jax.campaign", *sys.argv[1:]])


def revision() -> str | None:
    """Git revision of this code, with `+changes` if files of it differ; None without git or a checkout."""
    here = Path(__file__).resolve().parents[2]
    try:
        if not (here / ".git").exists():  # an installed package may lie in a checkout of something else
            return None
        head = _git(here, "rev-parse", "HEAD")
        changed = _git(here, "status", "--porcelain", "--untracked-files=no", "--", "smlnet_jax", "configs")
    except (OSError, subprocess.SubprocessError):
        return None
    return head + ("+changes" if changed else "")


def versions() -> dict[str, str]:
    """Of Python and of what computes."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """The computer, without asking JAX: a process that does may take the accelerator's memory."""
    from smlnet_jax.export import speed

    return {"system": platform.platform(), "cpu": speed.processor(), "cores": len(os.sched_getaffinity(0))}


def device() -> str:
    """What trains, in words."""
    from smlnet_jax.export.speed import device_name

    return device_name()


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.strip()
