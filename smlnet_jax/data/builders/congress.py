"""Portraits of members of the US Congress: FOLDER/{train,val,test}/*.jpg and a manifest.csv."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tensorflow_datasets as tfds

from smlnet_jax.data.builders.face_folder import FaceFolder
from smlnet_jax.data.splits import Entry
from smlnet_jax.errors import UserError


class Congress(FaceFolder):
    """As `FaceFolder`, but every face must have a person: a split without people proves nothing."""

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "manual_dir holds train/, val/ and test/ with image files; a manifest.csv in it, or beside it, has "
        "the columns file and person."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return self._describe(
            description="Aligned portraits of members of the US Congress, divided by person. Most are works "
            "of the US government; they were not cleared one by one.",
            homepage="https://bioguide.congress.gov/",
        )

    def entries(self, folder: Path) -> Sequence[Entry]:
        entries = super().entries(folder)
        unknown = [entry.file for entry in entries if not entry.person]
        if unknown:
            raise UserError(
                f"{folder}: no manifest.csv says who is on {len(unknown):,} portraits, e.g. {unknown[0]}; "
                "add file,person lines, or build face_folder, which does without"
            )
        return entries
