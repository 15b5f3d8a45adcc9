"""Where faces come from: anything with a length whose items are named HR images.

FOLDER            images, in subfolders too; or ArrayRecord files made by `smlnet data prepare`
tfds:NAME:SPLIT   a data set built by tensorflow-datasets, read without TensorFlow
astronaut:train   crops of scikit-image's public-domain photograph, and astronaut:val
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from smlnet_jax.data.decode import decode
from smlnet_jax.errors import UserError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


class Face(NamedTuple):
    """An HR image and the name that errors, tables and pictures call it by."""

    name: str
    image: UInt8[np.ndarray, "h w 3"]


class ImageSource(Protocol):
    """Random access to faces; `description` says in words what they are."""

    @property
    def description(self) -> str: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Face: ...


@dataclass(frozen=True)
class FolderSource:
    """The image files below a folder, in the order of their names; each is decoded when it is asked for."""

    root: Path
    names: tuple[str, ...]  # relative to root

    @property
    def description(self) -> str:
        return f"{len(self):,} images in {self.root}"

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Face:
        name = self.names[index]
        try:
            data = (self.root / name).read_bytes()
        except OSError as error:
            raise UserError(
                f"{self.root / name} cannot be read ({error.strerror}); restore it, or drop it"
            ) from error
        return Face(name, decode(data, str(self.root / name)))


@dataclass(frozen=True)
class Sized:
    """A source with every face brought to `size` x `size`: the centre square, reduced by Pillow's bicubic."""

    faces: ImageSource
    size: int

    @property
    def description(self) -> str:
        return self.faces.description

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, index: int) -> Face:
        name, image = self.faces[index]
        height, width = image.shape[:2]
        if (height, width) == (self.size, self.size):
            return Face(name, image)
        if min(height, width) < self.size:
            raise UserError(
                f"{name} of {self.description} is {width}x{height}; --config.data.size={self.size} needs at "
                f"least {self.size}x{self.size}. Drop it, or prepare the folder with "
                f"`smlnet data prepare --min-size {self.size}`, which skips it"
            )
        return Face(name, centre_square(image, self.size))


def centre_square(image: UInt8[np.ndarray, "h w 3"], size: int) -> UInt8[np.ndarray, "size size 3"]:
    """The largest square around the centre, antialiased to `size`."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = Image.fromarray(np.ascontiguousarray(image[top : top + side, left : left + side]))
    return np.asarray(square.resize((size, size), Image.Resampling.BICUBIC))


def image_files(folder: Path, suffixes: Container[str] = SUFFIXES) -> list[Path]:
    """Files below `folder` with one of the suffixes, in the order of their names; nothing that is hidden.

    Links are followed, and every folder is entered once: by its own name, if it has one here.
    """
    found: dict[str, Path] = {}
    entered: set[tuple[int, int]] = set()
    waiting = [folder]  # and what links lead to, once all that lies here is known
    for root, subfolders, files in itertools.chain.from_iterable(os.walk(start) for start in waiting):
        place = Path(root).stat()
        if (place.st_dev, place.st_ino) in entered:
            subfolders.clear()
            continue
        entered.add((place.st_dev, place.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        waiting += [path for name in subfolders if (path := Path(root, name)).is_symlink()]
        for path in (Path(root, name) for name in files if not name.startswith(".")):
            if path.suffix.lower() in suffixes and path.is_file():
                found[path.relative_to(folder).as_posix()] = path
    return [found[name] for name in sorted(found)]


def open_source(text: str, size: int = 0) -> ImageSource:
    """The source that `text` names (see above); `size` > 0 brings every face to size x size.

    Raises `UserError` if there is nothing of that name, or nothing in it. A face that is smaller than `size`
    or damaged raises when it is asked for.
    """
    source = _open(text)
    if not len(source):
        raise UserError(f"{text} holds no faces; give another source")
    return Sized(source, size) if size else source


def _open(text: str) -> ImageSource:
    if not text:
        raise UserError(
            "no faces were named; give --config.data.train=FOLDER, a folder of aligned face images"
        )
    if text.startswith("tfds:"):
        from smlnet_jax.data.tfds_source import open_tfds

        return open_tfds(text)
    if text.startswith("astronaut:"):
        from smlnet_jax.data.astronaut import open_astronaut

        return open_astronaut(text)
    root = Path(text).expanduser()
    if not root.is_dir():
        what = "is a file" if root.exists() else "is not there"
        raise UserError(
            f"{text} {what}; give a folder of face images, of ArrayRecord files, or tfds:NAME:SPLIT"
        )
    from smlnet_jax.data.records import RecordSource, is_packed

    if is_packed(root):
        return RecordSource(root)
    names = tuple(path.relative_to(root).as_posix() for path in image_files(root))
    if not names:
        if packed := sorted(path.name for path in root.iterdir() if path.is_dir() and is_packed(path)):
            raise UserError(
                f"{text} holds the packed splits {', '.join(packed)}; give one, as {root / packed[0]}"
            )
        raise UserError(
            f"{text} holds no JPEG, PNG or WebP image; give the folder that does, subfolders count"
        )
    return FolderSource(root, names)
