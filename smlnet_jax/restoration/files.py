"""Files as a person meets them: names on one line, refusals in one sentence, writes whole or absent."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from smlnet_jax.errors import UserError


class PhotoError(UserError):
    """A file that cannot be read or written: `name` as shown to a person, `reason` why, without the name."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


def shown(path: str | os.PathLike) -> str:
    """A path as one printable line: newlines and bytes that are not UTF-8 appear as escapes."""
    text = os.fspath(path)
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


def one_line(error: BaseException) -> str:
    """What an exception says, on one line."""
    strerror = getattr(error, "strerror", None)
    return " ".join((strerror or str(error)).split()) or type(error).__name__


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends well, and leaves no trace when it does
    not.

    The path's folder is made. Raises PhotoError where it cannot be written.
    """
    partial = path.with_name(f".{uuid.uuid4().hex}.partial")  # short: the target's may be at the limit
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("xb") as file:
                yield file
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise PhotoError(shown(path), f"cannot be written ({one_line(error)})") from error
