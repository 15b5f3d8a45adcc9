"""Files as a person meets them: names on one line, refusals in one sentence, writes whole or absent."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from smlnet_jax import files
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


def opened(path: Path) -> BinaryIO:
    """A file to read. Raises PhotoError where it is none, or empty, or cannot be opened."""
    name = shown(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise PhotoError(name, "is not a file")
        if status.st_size == 0:
            raise PhotoError(name, "is empty (0 bytes)")
        return path.open("rb")
    except PhotoError:
        raise
    except FileNotFoundError:
        raise PhotoError(name, "is a link to nothing" if path.is_symlink() else "does not exist") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise PhotoError(name, f"cannot be opened ({one_line(error)})") from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """As `smlnet_jax.files.replacing`, but raises PhotoError where the path cannot be written."""
    try:
        with files.replacing(path) as file:
            yield file
    except OSError as error:
        raise PhotoError(shown(path), f"cannot be written ({one_line(error)})") from error
