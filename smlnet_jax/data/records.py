"""Packed faces: ArrayRecord files, in which every face is one seek away.

A record is `FACE`, the length of the name (uint32, little endian), the name (UTF-8), and the image file's
bytes as they are. Every record is its own group (group_size:1), because training reads in a shuffled order,
and uncompressed, because images are already.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType

from smlnet_jax.data.decode import decode
from smlnet_jax.data.sources import Face
from smlnet_jax.errors import UserError

PATTERN = "*.array_record"

_MAGIC = b"FACE"
_HEADER = struct.Struct("<4sI")
_OPTIONS = "group_size:1,uncompressed"


def is_packed(folder: Path) -> bool:
    """Whether the folder holds ArrayRecord files."""
    return next(folder.glob(PATTERN), None) is not None


def frame(name: str, data: bytes) -> bytes:
    """A record: the name and the encoded image."""
    encoded = name.encode()
    return _HEADER.pack(_MAGIC, len(encoded)) + encoded + data


def unframe(record: bytes) -> tuple[str, bytes]:
    """The name and the encoded image of a record. Raises `ValueError` if it is none of ours."""
    if len(record) < _HEADER.size:
        raise ValueError(f"it has {len(record)} bytes")
    magic, length = _HEADER.unpack_from(record)
    end = _HEADER.size + length
    if magic != _MAGIC or end > len(record):
        raise ValueError("it was not written by `smlnet data prepare`")
    return record[_HEADER.size : end].decode(), record[end:]


class RecordSource:
    """The faces of a folder's ArrayRecord files, in their order.

    Files are opened when they are first asked for, so that the source pickles into worker processes. Raises
    `UserError` for a damaged file then, and for a damaged record when it is read.
    """

    def __init__(self, where: Path) -> None:
        self.files = tuple(sorted(where.glob(PATTERN)))
        if not self.files:
            raise UserError(
                f"{where} holds no {PATTERN}; pack one with `smlnet data prepare FOLDER -o {where}`"
            )
        self._where = str(where)

    @property
    def description(self) -> str:
        return f"{len(self):,} packed faces in {self._where}"

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> Face:
        name, data = self.read(index)
        return Face(name, decode(data, f"{name} of {self._where}"))

    def read(self, index: int) -> tuple[str, bytes]:
        """A face's name and its image file, as it was packed."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"face {index} of {len(self)}")
        try:
            return unframe(self._records[index % len(self)])
        except (RuntimeError, ValueError) as error:
            raise UserError(
                f"face {index} of {self._where} is damaged ({_short(error)}); pack the faces again with "
                "`smlnet data prepare`"
            ) from error

    @cached_property
    def _records(self) -> Sequence[bytes]:
        reader = _array_record().ArrayRecordReader
        from array_record.python.array_record_data_source import ArrayRecordDataSource

        spans = []
        for file in self.files:
            try:
                opened = reader(str(file))
                spans.append(f"{file}[0:{opened.num_records()}]")
                opened.close()
            except RuntimeError as error:
                raise UserError(
                    f"{file} is not a whole ArrayRecord file ({_short(error)}); pack the faces again with "
                    "`smlnet data prepare`"
                ) from error
        return ArrayRecordDataSource(spans)


class RecordWriter:
    """Writes one ArrayRecord file, whole or not at all: it takes its name when the `with` block ends well.

    Raises `UserError` if it cannot be written, e.g. on a full disk.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._unfinished = file.with_name(f".{uuid.uuid4().hex}.part")

    def __enter__(self) -> RecordWriter:
        self._writer = _array_record().ArrayRecordWriter(str(self._unfinished), _OPTIONS)
        self._check()
        return self

    def write(self, name: str, data: bytes) -> None:
        """Appends a face: its name, and the bytes of its image file."""
        try:
            self._writer.write(frame(name, data))
        except RuntimeError as error:
            raise self._failed(error) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            try:
                self._writer.close()
            except RuntimeError as closing:
                if error is None:
                    raise self._failed(closing) from closing
            if error is None:
                self._unfinished.replace(self.file)
        finally:
            self._unfinished.unlink(missing_ok=True)

    def _check(self) -> None:
        if not self._writer.ok():
            raise self._failed("the folder is not there, is full, or is not yours to write to")

    def _failed(self, why: object) -> UserError:
        return UserError(
            f"{self.file} cannot be written ({_short(why)}); free some space, or choose another folder"
        )


def _array_record():
    try:
        from array_record.python import array_record_module
    except ImportError as error:
        raise UserError(
            "packed faces are ArrayRecord files; install what reads them with "
            "`pip install 'smlnet-jax[train]'`"
        ) from error
    return array_record_module


def _short(error: object) -> str:
    """The library's reason in a few words: its first clause is enough for a sentence."""
    return str(error).partition(";")[0].strip()
