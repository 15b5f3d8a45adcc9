"""Many photographs in one run: read, hand over to the restorer, write; what fails is a row, not the end."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smlnet_jax.errors import UserError
from smlnet_jax.restoration.files import PhotoError, shown
from smlnet_jax.restoration.inputs import Source
from smlnet_jax.restoration.outputs import COMPARED, CROPPED, RESTORED, Names, OutputFolder
from smlnet_jax.restoration.photo import MAX_PIXELS, Photo, read_photo, write_photo
from smlnet_jax.restoration.report import Row
from smlnet_jax.restoration.resample import resize
from smlnet_jax.restoration.result import Restoration, RestoredFace

NO_FACE = "no face was found; it is passed on without restoration"


@dataclass(frozen=True)
class Options:
    """What the command's flags ask for beyond what the restorer does itself."""

    upscale: float = 1
    aligned: bool = False
    depth: int = 8
    skip_existing: bool = False
    compare: bool = False
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class Job:
    """One photograph on its way through the restorer. It carries the original, for alpha, profile and
    tags."""

    source: Source
    names: Names
    photo: Photo
    seconds: float


def restore_photos(
    restorer: Any,
    sources: Iterable[Source],
    folder: OutputFolder,
    options: Options,
    done: Callable[[Row], None],
) -> None:
    """Restores every source, in order, and calls `done` once for each.

    As many photographs are in memory as the restorer holds back to fill a batch. Ctrl-C passes through; what
    is written by then stays, and nothing is half written.
    """

    def jobs() -> Iterator[tuple[Job, Photo]]:
        for source in sources:
            began = time.monotonic()
            try:
                names = claim(source, folder, options, done)
                photo = None if names is None else _read(source, options)
            except PhotoError as error:
                done(Row(str(source.path), "failed", reason=error.reason))
                continue
            if names is not None and photo is not None:
                yield Job(source, names, photo, time.monotonic() - began), photo

    with contextlib.closing(restorer.stream(jobs())) as results:
        for job, result in results:
            done(_finish(job, result, folder, options))


def claim(
    source: Source,
    folder: OutputFolder,
    options: Options,
    done: Callable[[Row], None],
    video_suffix: str = ".mp4",
) -> Names | None:
    """The names of a source's results; None where they are there already and the row is done."""
    if source.problem is not None:
        raise PhotoError(shown(source.path), source.problem)
    names = folder.claim(source, video_suffix)
    if options.skip_existing and names.main.exists():
        done(Row(str(source.path), "skipped", output=str(names.main), reason="its result exists"))
        return None
    return names


def face_row(face: RestoredFace) -> dict[str, Any]:
    """One face for the report, as RestoredFace describes it, without its pictures."""
    return {
        "box": [round(float(edge), 1) for edge in face.box],
        "score": _rounded(face.score),
        "identity": _rounded(face.identity),
        "lr_consistency": _rounded(face.lr_consistency),
        "resolution": int(face.resolution),
        "restored": bool(face.restored),
        "warnings": list(face.warnings),
    }


def _read(source: Source, options: Options) -> Photo:
    photo = read_photo(source.path, max_pixels=options.max_pixels)
    height, width = (round(side * options.upscale) for side in photo.rgb.shape[:2])
    if height * width > options.max_pixels:
        limit = f"more than the limit of {options.max_pixels:,} pixels; lower -s, or raise --max-pixels"
        raise PhotoError(shown(source.path), f"would become {width}x{height}, {limit}")
    return photo


def _finish(job: Job, result: Restoration | UserError, folder: OutputFolder, options: Options) -> Row:
    """Writes one result. The photograph comes last: where it exists, the rest of it does too."""
    name = str(job.source.path)
    if isinstance(result, UserError):
        return Row(name, "failed", reason=result.reason if isinstance(result, PhotoError) else str(result))
    began = time.monotonic()
    try:
        for index, face in enumerate(result.faces):
            _write_face(face, job.names, index, folder.root, options)
        write_photo(job.names.main, result.image, like=job.photo, depth=options.depth)
    except PhotoError as error:
        return Row(name, "failed", reason=f"its result {error.reason}")
    found = bool(result.faces) or options.aligned
    return Row(
        name,
        status="restored" if found else "no_face",
        output=str(job.names.main),
        reason=None if found else NO_FACE,
        faces=[face_row(face) for face in result.faces],
        warnings=list(result.warnings),
        seconds=round(job.seconds + sum(result.seconds.values()) + time.monotonic() - began, 3),
    )


def _write_face(face: RestoredFace, names: Names, index: int, root: Path, options: Options) -> None:
    write_photo(names.face(root / CROPPED, index), face.before, depth=options.depth)
    write_photo(names.face(root / RESTORED, index), face.after, depth=options.depth)
    if options.compare:
        before = resize(face.before, *face.after.shape[:2])  # bicubic, as the network saw it
        pair = np.concatenate([before, face.after], axis=1)
        write_photo(names.face(root / COMPARED, index), pair, depth=options.depth)


def _rounded(value: float | None) -> float | None:
    """To four places; JSON has no word for infinity."""
    return None if value is None or not math.isfinite(value) else round(float(value), 4)
