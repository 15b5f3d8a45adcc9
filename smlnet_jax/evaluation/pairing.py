"""Two lists of images paired by name; never by order, and never in part."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from smlnet_jax.data.sources import image_files
from smlnet_jax.errors import UserError

LISTED = 100  # names a side; a folder of 200,000 faces is not to be read on a terminal


class Pair(NamedTuple):
    """A restored file and its original; `name` is the original's, below its folder."""

    name: str
    sr: Path
    hr: Path


def pair_folders(sr_folder: Path, hr_folder: Path, suffix: str = "") -> list[Pair]:
    """Pairs the images below two folders by name without extension, in the order of the names.

    `suffix` is what follows the name in every file of `sr_folder` ("000001_x8.png" has "_x8"). Raises
    `UserError` that lists the names without a partner, if there are any.
    """
    sr, hr = _images(sr_folder, suffix), _images(hr_folder, "")
    try:
        refuse_unpaired(sr, hr, str(sr_folder), str(hr_folder))
    except UserError as error:
        common = "" if suffix else _common_suffix(sr, hr)
        if not common:
            raise
        raise UserError(
            f"{error}\n  every name in {sr_folder} is one of {hr_folder} with {common}: try --suffix={common}"
        ) from error
    return [Pair(hr[name].relative_to(hr_folder).as_posix(), sr[name], hr[name]) for name in sorted(hr)]


def images_in(folder: Path) -> list[Path]:
    """The images below a folder in the order of their names. Raises `UserError` if there are none."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise UserError(f"{folder} {what}; give a folder of images")
    files = image_files(folder)
    if not files:
        raise UserError(f"{folder} holds no JPEG, PNG or WebP image; give the folder that does")
    return files


def refuse_unpaired(
    first: Collection[str], second: Collection[str], first_label: str, second_label: str
) -> None:
    """Raises `UserError` with a list for each side, unless both have the same names."""
    alone = {
        first_label: sorted(set(first) - set(second)),
        second_label: sorted(set(second) - set(first)),
    }
    lists = [_list(label, names) for label, names in alone.items() if names]
    if lists:
        raise UserError(
            "\n".join([f"{first_label} and {second_label} do not pair by name; nothing was scored", *lists])
        )


def _list(label: str, names: list[str]) -> str:
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return f"  only in {label} ({len(names):,}): {', '.join(names[:LISTED])}{more}"


def _images(folder: Path, suffix: str) -> dict[str, Path]:
    """{name without extension and suffix: file}. A file that lacks the suffix keeps its whole file name."""
    found: dict[str, Path] = {}
    for path in images_in(folder):
        whole = path.relative_to(folder).with_suffix("").as_posix()
        name = whole.removesuffix(suffix) if whole.endswith(suffix) else path.relative_to(folder).as_posix()
        if name in found:
            raise UserError(
                f"{folder} has both {found[name].name} and {path.name}, and they pair by name without "
                "extension; remove one"
            )
        found[name] = path
    return found


def _common_suffix(sr: Collection[str], hr: Collection[str]) -> str:
    """What every SR name has behind an HR name, if it is the same for all; else nothing."""
    first = min(sr)
    for cut in range(len(first) - 1, 0, -1):
        tail = first[cut:]
        if first[:cut] in hr and all(name.endswith(tail) and name.removesuffix(tail) in hr for name in sr):
            return tail
    return ""
