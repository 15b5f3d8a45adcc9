"""Finding photographs and videos: files, folders and patterns, lazily and in a fixed order."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from smlnet_jax.restoration.files import one_line
from smlnet_jax.restoration.photo import SUFFIXES

# Pictures that cannot be read. In a folder they are reported, not passed over: their owner expects a result.
FOREIGN_SUFFIXES = frozenset((".gif", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".psd", ".tga", ".ico"))
VIDEO_SUFFIXES = frozenset((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv"))
VIDEO_SUFFIXES |= {".ts", ".mts", ".m2ts", ".vob", ".3gp", ".flv", ".ogv"}  # of cameras, discs and phones


@dataclass(frozen=True)
class Source:
    """One file to restore.

    `place` is where its results belong below an output folder: its name, behind the subfolders of the folder
    it was found in. `problem` is the reason why it cannot be used, where that is known without opening it.
    """

    path: Path
    place: Path
    problem: str | None = None

    @property
    def is_video(self) -> bool:
        return self.path.suffix.lower() in VIDEO_SUFFIXES


def find_sources(
    inputs: Iterable[str | os.PathLike],
    *,
    recursive: bool = False,
    videos: bool = False,
    is_output: Callable[[Path], bool] = lambda path: False,
) -> Iterator[Source]:
    """Every file the inputs mean: a file as it is, a folder's pictures by suffix, a pattern's matches (`**`
    too).

    Within a folder: files by name, then subfolders. Hidden files are passed over, and so are folders for
    which `is_output` holds; files for which it holds come with a problem, as do inputs that lead to nothing.
    Folders are entered once, so links that run in circles end, and a file comes once, however often it is
    named. In memory are the names of one folder, or the matches of one pattern, and the files given by name.
    """
    entered: set[tuple[int, int]] = set()
    named: set[tuple[int, int, str]] = set()
    wanted = _suffixes(videos)

    def look(path: Path) -> Iterator[Source]:
        if os.path.isdir(path):  # noqa: PTH112  Path.is_dir raises where a folder above may not be read
            found = _place(path) in {*entered, *(file[:2] for file in named)}
            for source in _walk(path, recursive, videos, is_output, entered, named):
                found = True
                yield source
            if not found:
                yield Source(path, Path(path.name), _empty_folder(recursive))
            return
        file = (*_place(path.parent), path.name)
        in_a_folder = file[:2] in entered and path.suffix.lower() in wanted and path.name[0] != "."
        if (file in named or in_a_folder) and os.path.lexists(path):
            return
        named.add(file)
        if is_output(path):
            yield Source(
                path, Path(path.name), "lies in the output folder, whose files may be replaced; move it"
            )
        elif not videos and path.suffix.lower() in VIDEO_SUFFIXES:
            yield Source(path, Path(path.name), "is a video; add --video")
        else:
            yield Source(path, Path(path.name))

    for given in dict.fromkeys(os.fspath(one) for one in inputs):
        if os.path.lexists(given) or not glob.has_magic(given):
            yield from look(Path(given))
            continue
        matches = False
        for match in sorted(glob.glob(given, recursive=True)):  # noqa: PTH207  Path.glob takes no absolute pattern
            matches = True
            by_its_files = os.path.basename(given) == "**" and os.path.isdir(match)  # noqa: PTH112, PTH119
            if not by_its_files:
                yield from look(Path(match))
        if not matches:
            yield Source(Path(given), Path(Path(given).name), "matches no file")


def _walk(
    top: Path,
    recursive: bool,
    videos: bool,
    is_output: Callable[[Path], bool],
    entered: set[tuple[int, int]],
    named: Set[tuple[int, int, str]],
) -> Iterator[Source]:
    wanted = _suffixes(videos)
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            place = status.st_dev, status.st_ino
            if place in entered or is_output(folder):
                continue
            with os.scandir(folder) as listing:
                entries = sorted(
                    (entry for entry in listing if not entry.name.startswith(".")), key=lambda e: e.name
                )
            entered.add(place)
        except OSError as error:
            yield Source(
                folder, folder.relative_to(top), f"is a folder that cannot be opened ({one_line(error)})"
            )
            continue
        subfolders = []
        for entry in entries:
            path = folder / entry.name
            if _is_folder(entry):
                subfolders.append(path)
            elif path.suffix.lower() in wanted and (*place, entry.name) not in named:
                yield Source(path, path.relative_to(top))
        if recursive:
            waiting.extend(reversed(subfolders))


def _suffixes(videos: bool) -> Set[str]:
    return SUFFIXES.keys() | FOREIGN_SUFFIXES | (VIDEO_SUFFIXES if videos else frozenset())


def _place(folder: Path) -> tuple[int, int]:
    """What a folder is, by whatever name; (0, 0) where it cannot be seen."""
    try:
        status = folder.stat()
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _empty_folder(recursive: bool) -> str:
    hint = "" if recursive else "; add --recursive to look into its subfolders"
    return f"holds no JPEG, PNG, WebP, TIFF or BMP pictures{hint}"
