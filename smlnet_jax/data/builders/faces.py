"""What the builders have in common: every example is an encoded image, its file's name and its person."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from smlnet_jax.data.prepare import Progress, Skipped, each, face, refuse_empty
from smlnet_jax.data.splits import Entry


class FaceBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Builds from the folder that `DownloadConfig(manual_dir=...)` names, into ArrayRecord files.

    Images are given to tfds as the bytes of an image file, because it encodes arrays with TensorFlow. Faces
    that cannot be used are skipped and listed in `skipped`; `UserError` if the folder is not what it should
    be, if two splits share a person or a file, or if a split has no face left.
    """

    url_infos = (
        None  # nothing is downloaded; tfds 4.9.10 looks for checksums with a package it does not require
    )

    def __init__(self, *, file_format: str | None = "array_record", **options: Any) -> None:
        self.skipped: list[Skipped] = []
        super().__init__(file_format=file_format, **options)

    @abc.abstractmethod
    def entries(self, folder: Path) -> Sequence[Entry]:
        """The faces of every split; that no two splits share any is checked here."""

    def encoded(self, entry: Entry) -> bytes:
        """The image file to keep, by default as it was found. Raises `UserError` to skip the face."""
        return face(entry, size=None, encode="png", min_size=1)[1]

    def _describe(
        self, *, shape: tuple[int | None, ...] = (None, None, 3), **texts: Any
    ) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Image(shape=shape),
            "file": tfds.features.Text(doc="the face's name within its split"),
            "person": tfds.features.Text(doc="empty if unknown"),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features), **texts)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> Mapping[str, Iterator]:
        entries = self.entries(Path(dl_manager.manual_dir))
        return {
            split: self._generate_examples(split, [entry for entry in entries if entry.split == split])
            for split in dict.fromkeys(entry.split for entry in entries)
        }

    def _generate_examples(
        self, split: str, entries: Sequence[Entry]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        def example(entry: Entry) -> tuple[Entry, bytes]:
            return entry, self.encoded(entry)

        found = set()
        for entry, data in each(example, entries, self.skipped, Progress(len(entries), f"{split}:")):
            found.add(split)
            yield entry.name, {"image": data, "file": entry.name, "person": entry.person}
        refuse_empty([split], found, self.skipped)
