"""`smlnet data build`: one of our tensorflow-datasets builders, run on a local folder."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
from pathlib import Path

import tensorflow_datasets as tfds

from smlnet_jax.data.builders import BUILDERS
from smlnet_jax.data.tfds_source import data_dir
from smlnet_jax.errors import UserError
from smlnet_jax.export.folder import whole_folder

_NAMED = 10  # skipped faces that the terminal names


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `smlnet data build`."""
    parser.description = (
        "Builds a data set from a local folder, whole or not at all; training reads it as tfds:NAME:SPLIT."
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(
        f"{name:12} {builder.MANUAL_DOWNLOAD_INSTRUCTIONS}" for name, builder in BUILDERS.items()
    ).replace("manual_dir", "FOLDER")
    parser.add_argument("name", choices=_names(), metavar="NAME", help=", ".join(_names()))
    parser.add_argument("--from", dest="folder", type=Path, required=True, metavar="FOLDER", help="see below")
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="default: TFDS_DATA_DIR, or ~/tensorflow_datasets; training looks there",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what was built before")


def run(args: argparse.Namespace) -> int:
    """Builds what `args` names; the exit code. Raises `UserError`, and then nothing was written."""
    if not args.folder.is_dir():
        raise UserError(f"{args.folder} is not a folder; --from names the one that holds the faces")
    root = args.data_dir or data_dir()
    target = Path(tfds.builder(args.name, data_dir=root).data_path)
    if target.exists() and not args.overwrite:
        raise UserError(f"{target} was built already; choose another --data-dir, or add --overwrite")
    tfds.disable_progress_bar()  # ours counts faces
    config = tfds.download.DownloadConfig(manual_dir=args.folder.absolute(), try_download_gcs=False)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=root) as scratch:
            builder = tfds.builder(args.name, data_dir=scratch)
            with contextlib.redirect_stdout(io.StringIO()):  # tfds tells where it builds for the moment
                builder.download_and_prepare(download_config=config)
            with whole_folder(target, replace=args.overwrite) as finished:
                for file in Path(builder.data_path).iterdir():
                    file.rename(finished / file.name)
    except OSError as error:
        raise UserError(
            f"cannot write {root} ({error.strerror or error}); choose another --data-dir"
        ) from error
    for file, reason in builder.skipped[:_NAMED]:
        print(f"skipped: {file} {reason}", file=sys.stderr)
    counts = {split: info.num_examples for split, info in builder.info.splits.items()}
    print(f"{target}: {sum(counts.values()):,} faces, {len(builder.skipped):,} skipped")
    for split, count in counts.items():
        print(f"  {split:8}{count:>9,} faces   tfds:{args.name}:{split}")
    return 0


def _names() -> list[str]:
    """Every builder, and every config of those that have some."""
    return [
        name
        for builder in BUILDERS.values()
        for name in (builder.name, *(f"{builder.name}/{config.name}" for config in builder.BUILDER_CONFIGS))
    ]
