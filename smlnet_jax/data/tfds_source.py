"""`tfds:NAME[/CONFIG][:SPLIT]`: a data set that tensorflow-datasets built, read without TensorFlow."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smlnet_jax.data.decode import decode
from smlnet_jax.data.sources import Face, ImageSource
from smlnet_jax.errors import UserError


class TfdsSource:
    """The images of one split; a face is called by the feature `file`, or by its number."""

    def __init__(self, examples: Sequence[Any], image: str, text: str) -> None:
        self._examples, self._image, self._text = examples, image, text

    @property
    def description(self) -> str:
        return f"{len(self):,} faces of {self._text}"

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> Face:
        if not -len(self) <= index < len(self):
            raise IndexError(f"face {index} of {len(self)}")
        index %= len(self)
        try:
            example = self._examples[index]
        except RuntimeError as error:
            raise UserError(
                f"face {index} of {self._text} is damaged ({str(error).partition(';')[0]}); build the data "
                "set again"
            ) from error
        name = example["file"].decode() if "file" in example else f"{index:06d}"
        return Face(name, decode(example[self._image], f"{name} of {self._text}"))


def data_dir() -> Path:
    """Where data sets are built: TFDS_DATA_DIR, or ~/tensorflow_datasets."""
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def open_tfds(text: str) -> ImageSource:
    """A split of a data set in `data_dir()`; by default train; slices such as train[:90%] are splits, too.

    Raises `UserError` if tensorflow-datasets is not installed, for an unknown name or split, and for a data
    set that was not built, not as ArrayRecord, or has no image.
    """
    name, _, split = text.removeprefix("tfds:").partition(":")
    split = split or "train"
    try:
        import tensorflow_datasets as tfds
        from google.protobuf.json_format import ParseError

        from smlnet_jax.data.builders import BUILDERS
    except ImportError as error:
        raise UserError(
            f"{text} is read by tensorflow-datasets; install it with `pip install 'smlnet-jax[train]'`"
        ) from error
    try:
        builder = tfds.builder(name, data_dir=data_dir())
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        close = difflib.get_close_matches(name, BUILDERS, n=1)
        hint = f"did you mean tfds:{close[0]}?" if close else f"ours are {', '.join(BUILDERS)}"
        raise UserError(f"{text}: there is no data set of that name; {hint}") from error
    except ParseError as error:
        raise UserError(f"{text} is damaged in {data_dir()}; build it again, or copy it whole") from error
    if not builder.data_path.exists() or not builder.info.splits:
        how = f"`smlnet data build {name} --from FOLDER`"
        if builder.name not in BUILDERS:
            how = f"tfds.builder({name!r}, file_format='array_record').download_and_prepare()"
        raise UserError(
            f"{text} was not built in {data_dir()}; build it with {how}, or set TFDS_DATA_DIR to where it is"
        )
    features = builder.info.features
    images = [key for key in features if isinstance(features[key], tfds.features.Image)]
    if len(images) != 1:
        raise UserError(f"{text} has {len(images)} image features; faces must be the only one")
    try:
        examples = builder.as_data_source(split, decoders={images[0]: tfds.decode.SkipDecoding()})
        _ = len(examples)  # a slice that ends before it begins only says so here
    except NotImplementedError as error:
        raise UserError(
            f"{text} was built as {builder.info.file_format}, which gives no random access; build it again "
            "with file_format='array_record'"
        ) from error
    except ValueError as error:
        known = ", ".join(builder.info.splits)
        raise UserError(f"{text}: there is no split {split}; there are {known}") from error
    return TfdsSource(examples, images[0], text)
