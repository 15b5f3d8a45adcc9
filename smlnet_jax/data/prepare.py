"""`smlnet data prepare`: folders of faces, checked and packed into ArrayRecord files, with a manifest."""

from __future__ import annotations

import argparse
import csv
import functools
import io
import os
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

from PIL import Image

from smlnet_jax.data import splits
from smlnet_jax.data.decode import decode
from smlnet_jax.data.records import RecordWriter
from smlnet_jax.data.sources import centre_square
from smlnet_jax.data.splits import MANIFEST, Entry
from smlnet_jax.errors import UserError
from smlnet_jax.export.folder import whole_folder

SKIPPED = "skipped.csv"
FACES_PER_FILE = 16_384  # about 100 MB of 128-pixel JPEGs
ENCODINGS: dict[str, dict[str, int]] = {"png": {}, "jpeg": {"quality": 95, "subsampling": 0}}

T = TypeVar("T")

_AHEAD = 256  # faces in memory between the decoding threads and the file
_NAMED = 10  # skipped files that the terminal names; skipped.csv has them all


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `smlnet data prepare`."""
    parser.description = (
        "Checks every face of every split, refuses splits that share a person or a file, and packs each "
        "split into ArrayRecord files with a manifest, whole or not at all."
    )
    add = parser.add_argument
    add(
        "folder", type=Path, nargs="?", metavar="FOLDER", help="holds train/, val/ and test/, or some of them"
    )
    add("-o", "--output", type=Path, required=True, metavar="OUT", help="must be absent or empty")
    add(
        "--split",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="instead of FOLDER: one split and its images; may be repeated",
    )
    add(
        "--val-fraction",
        type=float,
        metavar="F",
        help="FOLDER is one heap of images, of which this part becomes val, by person",
    )
    add(
        "--people",
        type=Path,
        metavar="CSV",
        help="file,person of every face; default: a manifest.csv beside the splits that has these columns",
    )
    add("--person-from", choices=("parent",), help="parent: each subfolder of a split is one person")
    add("--size", type=int, metavar="N", help="bring every face to NxN: centre square, Pillow's bicubic")
    add(
        "--encode",
        choices=tuple(ENCODINGS),
        help="of faces that --size changes: png (lossless, default) or jpeg (quality 95, 4:4:4)",
    )
    add("--min-size", type=int, metavar="N", help="skip faces with a side below N; default: --size")
    add("--overwrite", action="store_true", help="replace an earlier pack in OUT; other folders never are")


def run(args: argparse.Namespace) -> int:
    """Packs what `args` names; the exit code. Raises `UserError`, and then nothing was written."""
    _check(args)
    entries = splits.find(_folders(args), _people(args))
    if (args.people or args.person_from) and not any(entry.person for entry in entries):
        raise UserError(
            f"{args.people or '--person-from parent'} names nobody in these folders; {entries[0].path} is "
            "one of their faces"
        )
    splits.refuse_shared(entries)  # of people, which takes no reading; then of files

    skipped: list[Skipped] = []
    entries = read_all(entries, skipped)
    if args.val_fraction is not None:
        entries = splits.divide(entries, args.val_fraction)
    splits.refuse_shared(entries)

    convert = functools.partial(
        face, size=args.size, encode=args.encode or "png", min_size=args.min_size or args.size or 1
    )
    with whole_folder(args.output, replace=args.overwrite) as unfinished:
        rows = pack(unfinished, entries, convert, skipped)
        _write_csv(unfinished / MANIFEST, Row._fields, rows)
        if skipped:
            _write_csv(unfinished / SKIPPED, Skipped._fields, skipped)
    _report(rows, skipped, args.output)
    return 0


class Row(NamedTuple):
    """A line of the manifest."""

    file: str  # split/name
    split: str
    person: str  # empty = unknown
    sha256: str  # of the file that was found
    width: int  # as packed
    height: int


class Skipped(NamedTuple):
    """A face that was left out."""

    file: str
    reason: str


def face(entry: Entry, *, size: int | None, encode: str, min_size: int) -> tuple[Row, bytes]:
    """A face's line and its image file, as it is to be packed. Raises `UserError` if it cannot be used.

    The file stays as it is unless `size` changes it.
    """
    data = splits.read(entry)
    image = decode(data, entry.file)
    height, width = image.shape[:2]
    if min(height, width) < min_size:
        raise UserError(f"{entry.file} is {width}x{height}, smaller than {min_size}x{min_size}")
    if size and (height, width) != (size, size):
        height = width = size
        file = io.BytesIO()
        Image.fromarray(centre_square(image, size)).save(file, encode, **ENCODINGS[encode])
        data = file.getvalue()
    return Row(entry.file, entry.split, entry.person, entry.sha256, width, height), data


def pack(
    folder: Path,
    entries: Sequence[Entry],
    convert: Callable[[Entry], tuple[Row, bytes]],
    skipped: list[Skipped],
) -> list[Row]:
    """Writes folder/SPLIT/faces-*.array_record; the manifest. Raises `UserError` if a split stays empty."""
    rows: list[Row] = []
    progress = Progress(len(entries), "packed")
    by_split: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_split[entry.split].append(entry)
    for split, found in by_split.items():
        (folder / split).mkdir()
        for number, start in enumerate(range(0, len(found), FACES_PER_FILE)):
            part = found[start : start + FACES_PER_FILE]
            with RecordWriter(folder / split / f"faces-{number:05d}.array_record") as writer:
                for row, data in each(convert, part, skipped, progress):
                    writer.write(row.file.removeprefix(f"{split}/"), data)
                    rows.append(row)
    refuse_empty(by_split, (row.split for row in rows), skipped)
    return rows


def read_all(entries: Sequence[Entry], skipped: list[Skipped]) -> list[Entry]:
    """With the hashes of their files; those that cannot be read are skipped. Raises `UserError` if all of a
    split are.
    """
    found = list(each(splits.hashed, entries, skipped, Progress(len(entries), "read")))
    refuse_empty((entry.split for entry in entries), (entry.split for entry in found), skipped)
    return found


def refuse_empty(wanted: Iterable[str], left: Iterable[str], skipped: Sequence[Skipped]) -> None:
    """Raises `UserError` if a wanted split has no face left of those that it had."""
    if empty := sorted(set(wanted) - set(left)):
        theirs = [face for face in skipped if face.file.partition("/")[0] in empty]
        raise UserError(
            f"no face is left in {' and '.join(empty)}: {len(theirs):,} were skipped, e.g. "
            f"{theirs[0].file} {theirs[0].reason}; give better ones"
        )


def each(
    function: Callable[[Entry], T], entries: Sequence[Entry], skipped: list[Skipped], progress: Progress
) -> Iterator[T]:
    """`function` of each entry, in order, computed in threads; where it raises `UserError`, it is skipped."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for start in range(0, len(entries), _AHEAD):
            chunk = entries[start : start + _AHEAD]
            results = [threads.submit(function, entry) for entry in chunk]
            for entry, result in zip(chunk, results, strict=True):
                try:
                    value = result.result()
                except UserError as error:
                    reason = str(error).partition(";")[0].removeprefix(entry.file)
                    file = entry.file.encode(errors="backslashreplace").decode()  # it may not be UTF-8
                    skipped.append(Skipped(file, reason.strip()))
                else:
                    yield value
            progress.advance(len(chunk))


class Progress:
    """A line that counts faces: on a terminal it overwrites itself, elsewhere it comes once."""

    def __init__(self, total: int, verb: str) -> None:
        self._total, self._verb = total, verb
        self._done, self._started = 0, time.monotonic()

    def advance(self, count: int) -> None:
        self._done += count
        is_last, overwrites = self._done == self._total, sys.stderr.isatty()
        if overwrites or is_last:
            speed = self._done / max(time.monotonic() - self._started, 1e-9)
            line = f"{self._verb} {self._done:,}/{self._total:,} faces, {speed:,.0f}/s"
            print(f"\r\033[K{line}" if overwrites else line, end="\n" if is_last else "", file=sys.stderr)
            sys.stderr.flush()


def _check(args: argparse.Namespace) -> None:
    """Flags that do not go together, and an output that must not be touched."""
    for flag, value in (("--size", args.size), ("--min-size", args.min_size)):
        if value is not None and value < 1:
            raise UserError(f"{flag} {value} must be above 0")
    if args.encode and not args.size:
        raise UserError("--encode is for faces that --size changes; other files are packed as they are")
    if args.size and args.min_size and args.min_size < args.size:
        raise UserError(
            f"--min-size {args.min_size} lets faces through that --size {args.size} would enlarge; "
            "leave it out"
        )
    if args.people and args.person_from:
        raise UserError("--people and --person-from both say who is who; give one")
    if bool(args.folder) == bool(args.split):
        raise UserError("give either the FOLDER that holds train/, val/ and test/, or --split NAME=FOLDER")
    if args.val_fraction is not None:
        if not args.folder:
            raise UserError("--val-fraction divides one FOLDER; --split says what is val already")
        if not 0 < args.val_fraction < 1:
            raise UserError(f"--val-fraction {args.val_fraction} must be between 0 and 1, e.g. 0.05")
    check_free(args.output, args.overwrite)


def _folders(args: argparse.Namespace) -> dict[str, Path]:
    """Split to folder; one heap that will be divided counts as train."""
    if args.val_fraction is not None:
        if any((args.folder / split).is_dir() for split in splits.SPLITS):
            raise UserError(f"{args.folder} is divided already; leave --val-fraction out")
        return {"train": args.folder}
    if args.folder:
        return splits.split_folders(args.folder)
    folders: dict[str, Path] = {}
    for text in args.split:
        name, _, folder = text.partition("=")
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name) or not folder or name in folders:
            raise UserError(
                f"--split {text} must be NAME=FOLDER, each NAME once, of letters, digits, - and _"
            )
        folders[name] = Path(folder).expanduser()
    return folders


def _people(args: argparse.Namespace) -> Callable[[Path], splits.PersonOf]:
    if args.people:
        return functools.partial(splits.by_list, args.people)
    return splits.by_parent if args.person_from else splits.by_manifest


def check_free(folder: Path, overwrite: bool) -> None:
    """Raises `UserError` unless `folder` is absent, empty, or (to overwrite) an earlier pack alone."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{folder} is a file; give the folder to pack the faces into")
    found = [path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir()]
    others = [path for path in found if str(path) not in (MANIFEST, SKIPPED) and not _is_pack(path)]
    if others:
        raise UserError(f"{folder} holds other files ({min(others)}); give a folder of its own to the pack")
    if found and not overwrite:
        raise UserError(f"{folder} holds packed faces already; choose another folder, or add --overwrite")


def _is_pack(path: Path) -> bool:
    return len(path.parts) == 2 and path.match("faces-*.array_record")


def _write_csv(file: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as lines:
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)


def _report(rows: Sequence[Row], skipped: Sequence[Skipped], output: Path) -> None:
    for file, reason in skipped[:_NAMED]:
        print(f"skipped: {file} {reason}", file=sys.stderr)
    if len(skipped) > _NAMED:
        print(f"skipped: {len(skipped) - _NAMED:,} more, see {output / SKIPPED}", file=sys.stderr)
    unknown = sum(not row.person for row in rows)
    if unknown:
        print(
            f"note: nobody said who is on {unknown:,} faces, so only equal files were looked for across the "
            "splits; see --people",
            file=sys.stderr,
        )
    print(f"{output}: {len(rows):,} faces packed, {len(skipped):,} skipped")
    for split in dict.fromkeys(row.split for row in rows):
        own = [row for row in rows if row.split == split]
        people = len({row.person for row in own} - {""})
        size = sum(file.stat().st_size for file in (output / split).iterdir())
        print(f"  {split:8}{len(own):>9,} faces{people:>8,} people{size / 1e6:>10,.1f} MB")
