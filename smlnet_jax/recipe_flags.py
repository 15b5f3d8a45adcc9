"""What train.py and eval.py share: a recipe, overrides, a workdir, and mistakes told in one sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

from absl import app, flags, logging
from ml_collections import config_flags

from smlnet_jax.config import Config, check_key, from_config_dict
from smlnet_jax.errors import STOPPED, UserError, one_line_errors

OVERRIDE = "--config."


def run(job: Callable[[Config, Path], int], workdir_help: str) -> NoReturn:
    """Calls `job(config, workdir)` with what the command line says, and exits with the code it returns."""
    config = config_flags.DEFINE_config_file("config", None, "Recipe, such as configs/smlnet_test.py.")
    workdir = flags.DEFINE_string("workdir", None, workdir_help)
    flags.mark_flags_as_required(["config", "workdir"])

    def main(_: Sequence[str]) -> int:
        if not workdir.value:
            raise UserError("--workdir is empty; give a folder, as --workdir=runs/first")
        return job(from_config_dict(config.value), folder(workdir.value))

    try:
        sys.exit(one_line_errors(app.run)(one_line_errors(main), flags_parser=parse))
    except KeyboardInterrupt:
        sys.exit(STOPPED)


def folder(text: str) -> Path:
    """What a flag names. A shell leaves the ~ of --workdir=~/x alone."""
    return Path(os.path.expanduser(text))  # noqa: PTH111  ~somebody is who that is, or stays as it is


def parse(argv: Sequence[str], check: Callable[[str], None] = check_key) -> list[str]:
    """Reads the flags and returns what they left; `UserError` for one that is unknown or cannot be read.

    `check(path)` raises it for an override, such as `train.steps`, that cannot be.
    """
    for argument in argv[1:]:
        if argument.startswith(OVERRIDE):  # config_flags would answer a wrong key with a traceback
            check(argument.removeprefix(OVERRIDE).partition("=")[0])
    quiet = f"--verbosity={logging.WARNING}"  # the libraries' notes would cut through the progress line
    try:
        rest = flags.FLAGS([argv[0], quiet, *argv[1:]])
        _ = flags.FLAGS.config.is_locked  # a recipe that was not found says so when it is first touched
    except flags.Error as error:
        told = str(error).strip().splitlines()
        shown = told[-1:] if "Traceback" in str(error) else told  # of a recipe that fails, what it fails with
        raise UserError(f"{' '.join(' '.join(shown).split()).rstrip('.')}; --help lists the flags") from error
    except SyntaxError as error:
        raise UserError(
            f"{_named(argv)} is no recipe: line {error.lineno} is no Python ({error.msg}); give one, as "
            "configs/smlnet_test.py"
        ) from error
    except OSError as error:
        named = _named(argv)
        wrong = "is a folder" if Path(named.partition("=")[2]).is_dir() else "is not there"
        raise UserError(f"{named} {wrong}; give a recipe, as configs/smlnet_test.py") from error
    if rest[1:]:
        raise UserError(
            f"{rest[1]!r} is not a flag; write --config.SECTION.KEY=VALUE, quoted if it has spaces"
        )
    return rest


def _named(argv: Sequence[str]) -> str:
    """The last --config of a command line, with = whether or not it was given so."""
    joined = (f"{one}={other}" if one == "--config" else one for one, other in pairwise([*argv, ""]))
    return [one for one in ("--config=", *joined) if one.startswith("--config=")][-1]
