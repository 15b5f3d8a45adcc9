"""Files that are written whole or not at all."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

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
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
