"""A folder that appears whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from smlnet_jax.errors import UserError


@contextlib.contextmanager
def whole_folder(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yields an empty folder beside `target` that takes its place when the block ends well.

    When the block fails, or cannot be written, nothing is left behind and `target` is as it was. Without
    `replace`, a target that holds anything is an error, also one that appeared meanwhile. Raises UserError.
    """
    target = target.resolve()
    unfinished = target.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        unfinished.mkdir(parents=True)
        try:
            yield unfinished
            if replace and target.exists():
                _exchange(unfinished, target)
            else:
                unfinished.rename(target)  # refused by the system unless the target is absent or empty
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise UserError(
            f"cannot write {target} ({error.strerror or error}); choose another folder"
        ) from error


def _exchange(new: Path, target: Path) -> None:
    """Puts `new` where `target` was, which steps aside for an instant: no portable call swaps two folders."""
    aside = target.with_name(f".{uuid.uuid4().hex}.old")
    target.rename(aside)
    try:
        new.rename(target)
    except OSError:
        aside.rename(target)
        raise
    shutil.rmtree(aside)
