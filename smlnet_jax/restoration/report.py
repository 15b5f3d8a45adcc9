"""What became of every file, as JSON that is written while the run goes on, so that it takes no memory."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from smlnet_jax.errors import UserError
from smlnet_jax.restoration.files import replacing, shown


@dataclass(frozen=True)
class Row:
    """One file of the report. `status`: restored, no_face (written as it was), skipped or failed."""

    input: str
    status: str
    output: str | None = None
    reason: str | None = None
    faces: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    frames: int | None = None  # of a video, and in how many of them a face was found
    frames_with_face: int | None = None


class Report:
    """Counts rows, and writes them where a file is open."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file
        self._began = time.monotonic()
        self.counts: Counter[str] = Counter()
        self.interrupted = False

    def add(self, row: Row) -> None:
        if self._file is not None:
            entry = {
                key: value
                for key, value in asdict(row).items()
                if value is not None or not key.startswith("frames")
            }
            self._file.write((",\n" if self.counts.total() else "") + json.dumps(entry))
        self.counts[row.status] += 1

    def summary(self) -> dict[str, Any]:
        states = {state: self.counts[state] for state in ("restored", "no_face", "skipped", "failed")}
        return {
            **states,
            "seconds": round(time.monotonic() - self._began, 3),
            "interrupted": self.interrupted,
        }


@contextlib.contextmanager
def open_report(path: Path | None, facts: dict[str, Any]) -> Iterator[Report]:
    """A report at `path`, or one that only counts. It appears when the block ends, by whatever way.

    `{**facts, "files": [Row, ...], "summary": {...}}`; paths that are not UTF-8 come back with `os.fsencode`.
    """
    if path is None:
        yield Report(None)
        return
    if path.suffix.lower() != ".json":
        raise UserError(f"--json {shown(path)} must end in .json, so that no picture is replaced by mistake")
    escaped: BaseException | None = None
    with replacing(path) as binary:
        lines = io.TextIOWrapper(binary, encoding="ascii")  # type: ignore[arg-type]
        lines.write(json.dumps(facts)[:-1] + (", " if facts else "") + '"files": [\n')
        report = Report(lines)
        try:
            yield report
        except BaseException as error:  # what was done until then is still worth a report
            escaped = error
        lines.write(f'\n], "summary": {json.dumps(report.summary())}}}\n')
        lines.flush()
        lines.detach()
    if escaped is not None:
        raise escaped
