"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from smlnet_jax.errors import UserError


def write_json(path: Path, content: Any) -> None:
    """Writes `json_bytes`, whole or not at all. Raises UserError where it cannot be written."""
    write_bytes(path, json_bytes(content), "free it, or give another --workdir")


def json_bytes(content: Any) -> bytes:
    """The content of a JSON file. A number that is not finite is null: JSON has none."""
    return f"{json.dumps(_finite(content), indent=2, allow_nan=False)}\n".encode()


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8, whole or not at all; makes its folder. Raises UserError where it cannot be written."""
    write_bytes(path, text.encode(), "free it, or give another --workdir")


def write_bytes(path: Path, content: bytes, remedy: str) -> None:
    """As `write_text`; `remedy` is what the error advises."""
    try:
        put(path, content)
    except OSError as error:
        raise UserError(f"cannot write {path} ({error.strerror}); {remedy}") from error


def put(path: Path, content: bytes) -> None:
    """As `write_bytes`, for those who tell of an OSError themselves."""
    with replacing(path) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends well, and leaves no trace when it does
    not; makes the path's folder."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{uuid.uuid4().hex}.partial")  # short: the target's may be at the limit
    try:
        with partial.open("xb") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
