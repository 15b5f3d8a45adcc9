"""Many photographs in one run: read, hand over to the restorer, write; what fails is a row, not the end."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from smlnet_jax.errors import UserError
from smlnet_jax.restoration.files import PhotoError, shown
from smlnet_jax.restoration.inputs import Source
from smlnet_jax.restoration.outputs import COMPARED, CROPPED, RESTORED, Names, OutputFolder
from smlnet_jax.restoration.photo import MAX_PIXELS, Photo, read_photo, write_photo
from smlnet_jax.restoration.report import Row
from smlnet_jax.restoration.resample import resize
from smlnet_jax.restoration.result import Restoration, RestoredFace

Item = TypeVar("Item")
Answer = TypeVar("Answer")

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
    """A photograph on its way through the restorer, with the original, for alpha, profile and tags."""

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
    """Restores every source, and calls `done` once for each.

    While the restorer works, the next photograph is read and the last one written. In memory are those and
    the ones that the restorer holds back to fill a batch. Ctrl-C passes through; what is written by then
    stays, and nothing is half written.
    """

    def jobs() -> Iterator[tuple[Job, Photo]]:
        for job in beside(lambda source: _open(source, folder, options), sources):
            if isinstance(job, Row):
                done(job)
            else:
                yield job, job.photo

    with contextlib.closing(restorer.stream(jobs())) as results:
        for row in beside(lambda result: _finish(result[0], result[1], folder, options), results):
            done(row)


def beside(function: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[Answer]:
    """`function` of every item, in order, in a thread that works on one item while the caller uses the answer
    before.

    An exception from `items` arrives behind the answers to the items before it.
    """
    with ThreadPoolExecutor(1) as thread:
        running: Future[Answer] | None = None
        try:
            for item in items:
                before, running = running, thread.submit(function, item)
                if before is not None:
                    yield before.result()
        except (Exception, KeyboardInterrupt):
            if running is not None:
                yield running.result()
            raise
        if running is not None:
            yield running.result()


def claim(source: Source, folder: OutputFolder, options: Options, video_suffix: str = ".mp4") -> Names | Row:
    """The names of a source's results, or its row where they are there already. Raises PhotoError."""
    if source.problem is not None:
        raise PhotoError(shown(source.path), source.problem)
    names = folder.claim(source, video_suffix)
    if options.skip_existing and os.path.exists(names.main):  # noqa: PTH110  Path.exists raises of a long name
        return Row(str(source.path), "skipped", output=str(names.main), reason="its result exists")
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


def _open(source: Source, folder: OutputFolder, options: Options) -> Job | Row:
    """The photograph, or its row where there is nothing more to do."""
    began = time.monotonic()
    try:
        names = claim(source, folder, options)
        if isinstance(names, Row):
            return names
        photo = read_photo(source.path, max_pixels=options.max_pixels)
        height, width = (round(side * options.upscale) for side in photo.rgb.shape[:2])
        if height * width > options.max_pixels:
            limit = f"more than the limit of {options.max_pixels:,} pixels; lower -s, or raise --max-pixels"
            raise PhotoError(shown(source.path), f"would become {width}x{height}, {limit}")
    except PhotoError as error:
        return Row(str(source.path), "failed", reason=error.reason)
    return Job(source, names, photo, time.monotonic() - began)


def _finish(job: Job, result: Restoration | UserError, folder: OutputFolder, options: Options) -> Row:
    """Writes one result. The photograph comes last: where it exists, the rest of it does too."""
    name = str(job.source.path)
    if isinstance(result, UserError):
        return Row(name, "failed", reason=result.reason if isinstance(result, PhotoError) else str(result))
    began = time.monotonic()
    try:
        for index, face in enumerate(result.faces):
            _write_face(face, job, index, folder.root, options)
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


def _write_face(face: RestoredFace, job: Job, index: int, root: Path, options: Options) -> None:
    pictures = {CROPPED: face.before, RESTORED: face.after}
    if options.compare:
        before = resize(face.before, *face.after.shape[:2])  # bicubic, as the network saw it
        pictures[COMPARED] = np.concatenate([before, face.after], axis=1)
    colours = dataclasses.replace(job.photo, alpha=None, exif=None)  # of the photograph only its profile
    for folder, picture in pictures.items():
        write_photo(job.names.face(root / folder, index), picture, like=colours, depth=options.depth)


def _rounded(value: float | None) -> float | None:
    """To four places; JSON has no word for infinity."""
    return None if value is None or not math.isfinite(value) else round(float(value), 4)
