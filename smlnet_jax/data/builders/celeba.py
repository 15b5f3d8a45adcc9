"""CelebA from its official archive, by the official partition. Liu, Luo, Wang, Tang, ICCV 2015.

tensorflow-datasets has a celeb_a of its own, whose download has not worked for years (tfds#1482). The images
are for non-commercial research and must not be passed on: they stay on your disk.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

import tensorflow_datasets as tfds
from PIL import Image

from smlnet_jax.data import splits
from smlnet_jax.data.builders.faces import FaceBuilder
from smlnet_jax.data.decode import decode
from smlnet_jax.data.splits import Entry
from smlnet_jax.errors import UserError

ALIGNED = (178, 218)  # width, height of every aligned image
SIDE = 128
HOMEPAGE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
PARTITION = {"0": "train", "1": "val", "2": "test"}
IMAGES, SPLITS, PEOPLE = "img_align_celeba", "list_eval_partition.txt", "identity_CelebA.txt"


@dataclasses.dataclass(eq=False)
class Crop(tfds.core.BuilderConfig):
    """The square that is cut out: left, top, right, bottom, in pixels of the aligned image."""

    box: tuple[int, int, int, int] = (0, 0, *ALIGNED)


class Celeba(FaceBuilder):
    """PNG files of 128x128; `celeba/canonical` (the default) or `celeba/centre`."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012 (tfds wants a list)
        # The archive puts the eyes at (69.4, 111.3) and (107.6, 111.3) on average; this box brings them to
        # (0.375, 0.47) and (0.625, 0.47) of the side, where restoration aligns faces, too.
        Crop(
            name="canonical",
            description="eyes at (0.375, 0.47) and (0.625, 0.47) of the side",
            box=(12, 39, 165, 192),
        ),
        Crop(
            name="centre",
            description="the centre square of 178, as FSR papers cut it",
            box=(0, 20, 178, 198),
        ),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"manual_dir holds {IMAGES}/*.jpg and {SPLITS} of the official archive, directly or in its Img/ and "
        f"Eval/ ({HOMEPAGE}); with {PEOPLE}, also in Anno/, people are checked."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return self._describe(
            shape=(SIDE, SIDE, 3),
            description="CelebA's aligned faces by its official partition; "
            f"{self.builder_config.description}; brought to {SIDE}x{SIDE} by Pillow's bicubic.",
            homepage=HOMEPAGE,
            license="non-commercial research only, no redistribution",
        )

    def entries(self, folder: Path) -> Sequence[Entry]:
        images, partition = _inside(folder, IMAGES), _inside(folder, SPLITS)
        if images is None or partition is None:
            raise UserError(
                f"{folder} holds no {IMAGES if images is None else SPLITS}; give the folder of the official "
                f"archive, with {IMAGES}/*.jpg and {SPLITS}"
            )
        people = _pairs(identity) if (identity := _inside(folder, PEOPLE)) else {}
        entries = []
        for name, part in _pairs(partition).items():
            if part not in PARTITION:
                raise UserError(f"{partition} gives {name} the part {part}; 0, 1 and 2 are there")
            entries.append(Entry(PARTITION[part], name, images / name, people.get(name, "")))
        if not entries:
            raise UserError(f"{partition} is empty; take it from the official archive again")
        splits.refuse_shared(entries)
        return entries

    def encoded(self, entry: Entry) -> bytes:
        image = Image.fromarray(decode(splits.read(entry), entry.file))
        if image.size != ALIGNED:
            raise UserError(f"{entry.file} is {image.width}x{image.height}, not {ALIGNED[0]}x{ALIGNED[1]}")
        file = io.BytesIO()
        square = image.crop(self.builder_config.box)
        square.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(file, "png")
        return file.getvalue()


def _inside(folder: Path, name: str) -> Path | None:
    """Where the archive keeps it; people also put everything into one folder."""
    places = (folder / part / name for part in ("", "Img", "Eval", "Anno"))
    return next((place for place in places if place.exists()), None)


def _pairs(file: Path) -> dict[str, str]:
    """Lines of an image's name and a number."""
    pairs = {}
    for number, line in enumerate(file.read_text().splitlines(), 1):
        words = line.split()
        if len(words) == 2:
            pairs[words[0]] = words[1]
        elif words:
            raise UserError(f"{file}, line {number}: {line!r} is no image and number; take the official file")
    return pairs
