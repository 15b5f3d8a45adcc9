"""Which faces belong to which split, whose they are, and that no two splits share any."""

from __future__ import annotations

import csv
import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from smlnet_jax.data.decode import decode
from smlnet_jax.data.sources import FolderSource, open_source
from smlnet_jax.errors import UserError

SPLITS = ("train", "val", "test")
MANIFEST = "manifest.csv"

PersonOf = Callable[[str], str]  # a name in a split's folder -> person, "" if unknown


class Entry(NamedTuple):
    """An image file that was found."""

    split: str
    name: str  # relative to the split's folder
    path: Path
    person: str  # "" if unknown
    sha256: str = ""

    @property
    def file(self) -> str:
        """What manifests and errors call it."""
        return f"{self.split}/{self.name}"


def split_folders(folder: Path) -> dict[str, Path]:
    """Those of train/, val/ and test/ that `folder` holds. Raises `UserError` if it holds none."""
    found = {split: folder / split for split in SPLITS if (folder / split).is_dir()}
    if not found:
        what = "holds no train/, val/ or test/" if folder.is_dir() else "is not there"
        raise UserError(f"{folder} {what}; give the folder whose subfolders are the splits")
    return found


def find(folders: Mapping[str, Path], people: Callable[[Path], PersonOf]) -> list[Entry]:
    """Every image of every split's folder. Raises `UserError` for a folder that is absent or holds none."""
    entries = []
    for split, folder in folders.items():
        source = open_source(str(folder))
        if not isinstance(source, FolderSource):
            raise UserError(f"{folder} holds packed faces; give the folder of the images they were made of")
        person_of = people(folder)
        entries += [Entry(split, name, folder / name, person_of(name)) for name in source.names]
    return entries


def read(entry: Entry) -> bytes:
    """The image file. Raises `UserError` if it cannot be read."""
    try:
        return entry.path.read_bytes()
    except OSError as error:
        raise UserError(f"{entry.file} cannot be read ({error.strerror}); restore it, or drop it") from error


def hashed(entry: Entry) -> Entry:
    """With the SHA-256 of its bytes. Raises `UserError` if it cannot be read, or named in UTF-8."""
    try:
        entry.name.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{entry.file} has a name that is not UTF-8; rename it") from error
    return entry._replace(sha256=hashlib.sha256(read(entry)).hexdigest())


def by_parent(folder: Path) -> PersonOf:
    """The subfolder that a face lies in is its person."""
    return lambda name: PurePosixPath(name).parent.name


def by_list(file: Path, folder: Path) -> PersonOf:
    """People as a CSV file with the columns file and person names them.

    `file` is relative to the list or to the split's folder, with or without that folder's own name before it.
    Raises `UserError` for a list that cannot be read or has other columns.
    """
    people = _read_list(file)
    if people is None:
        raise UserError(
            f"{file} has no columns `file` and `person`; give a CSV file whose first line names them"
        )
    to_list = PurePosixPath(Path(os.path.relpath(folder, file.parent)).as_posix())

    def person_of(name: str) -> str:
        places = (str(to_list / name), name, f"{folder.name}/{name}")
        return next((people[place] for place in places if place in people), "")

    return person_of


def by_manifest(folder: Path) -> PersonOf:
    """As the manifest.csv in the split's folder, beside it or one folder up does, where there is one."""
    for place in (folder, *folder.absolute().parents[:2]):
        file = place / MANIFEST
        if file.is_file() and _read_list(file) is not None:
            return by_list(file, folder)
    return lambda name: ""


def divide(entries: Sequence[Entry], fraction: float) -> list[Entry]:
    """Train and val: at most `fraction` of the faces go to val (or the person with the fewest does).

    All faces of a person, and all equal files, go together. Who goes first depends on the hash of the name,
    or of the file where nobody is known. Entries must be hashed. Raises `UserError` if there is one person.
    """
    smallest: dict[str, str] = {}  # of the people and files that hang together, to find them by

    def group(key: str) -> str:
        while smallest.setdefault(key, key) != key:
            key = smallest[key]
        return key

    for entry in entries:
        file = f"sha256 {entry.sha256}"
        one, other = sorted((group(f"person {entry.person}" if entry.person else file), group(file)))
        smallest[other] = one
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[group(f"sha256 {entry.sha256}")].append(entry)
    if len(groups) < 2:
        raise UserError("all faces are of one person, who cannot be in train and val; give val a folder")
    most = max(1, fraction * len(entries))
    val: set[str] = set()
    count = 0
    for name in sorted(groups, key=lambda name: hashlib.sha256(name.encode()).digest()):
        if count + len(groups[name]) <= most:
            val.add(name)
            count += len(groups[name])
    val = val or {min(groups, key=lambda name: len(groups[name]))}
    return [
        entry._replace(split="val" if name in val else "train") for name in groups for entry in groups[name]
    ]


def refuse_shared(entries: Iterable[Entry]) -> None:
    """Raises `UserError`, naming the first few, if a person who is known or an image is in two splits."""
    by_person, by_content = defaultdict(list), defaultdict(list)
    for entry in entries:
        if entry.person:
            by_person[entry.person].append(entry)
        if entry.sha256:
            by_content[entry.sha256].append(entry)
    shared = [
        f"{person} ({' and '.join(sorted(_splits(found)))})"
        for person, found in by_person.items()
        if len(_splits(found)) > 1
    ]
    if shared:
        raise _shared_error(shared, "1 person is", "people are")
    shared = [
        " = ".join({entry.split: entry.file for entry in found}.values())
        for found in by_content.values()
        if len(_splits(found)) > 1 and _is_image(found[0])  # empty files are equal, and are skipped later
    ]
    if shared:
        raise _shared_error(shared, "1 file is", "files are")


def _is_image(entry: Entry) -> bool:
    """Whether the file holds one; so it is taken to do if it cannot be read any more."""
    try:
        data = read(entry)
    except UserError:
        return True
    try:
        decode(data, entry.file)
    except UserError:
        return False
    return True


def _splits(entries: Iterable[Entry]) -> set[str]:
    return {entry.split for entry in entries}


def _shared_error(shared: Sequence[str], one: str, many: str) -> UserError:
    count = one if len(shared) == 1 else f"{len(shared):,} {many}"
    rest = ", ..." if len(shared) > 5 else ""
    return UserError(
        f"{count} in more than one split: {', '.join(shared[:5])}{rest}; leave each in one of them"
    )


def _read_list(file: Path) -> dict[str, str] | None:
    """File to person, or None if these are not the list's columns."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            if not {"file", "person"} <= set(rows.fieldnames or ()):
                return None
            return {row["file"]: (row["person"] or "").strip() for row in rows if row["file"]}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file} cannot be read ({error}); give a CSV file of file,person") from error
