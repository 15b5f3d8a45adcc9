"""A folder of faces of your own: FOLDER/{train,val,test}/**/*.{jpg,png,webp}."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tensorflow_datasets as tfds

from smlnet_jax.data import splits
from smlnet_jax.data.builders.faces import FaceBuilder
from smlnet_jax.data.prepare import read_all
from smlnet_jax.data.splits import Entry


class FaceFolder(FaceBuilder):
    """Image files as they are. A manifest.csv of file,person, in FOLDER or beside it, names people."""

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "manual_dir holds train/, val/ and test/, or some of them, with image files."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return self._describe(description="Aligned faces from a local folder, divided by its subfolders.")

    def entries(self, folder: Path) -> Sequence[Entry]:
        found = splits.find(splits.split_folders(folder), splits.by_manifest)
        splits.refuse_shared(found)  # of people, which takes no reading; then of files
        entries = read_all(found, self.skipped)
        splits.refuse_shared(entries)
        return entries
