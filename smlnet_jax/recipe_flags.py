"""What train.py and eval.py share: a recipe, overrides, a workdir, and mistakes told in one sentence."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

from absl import app, flags, logging
from ml_collections import config_flags

from smlnet_jax.config import Config, check_key, from_config_dict
from smlnet_jax.errors import STOPPED, UserError, one_line_errors

OVERRIDE = "--config."
REQUIRED = {"config": "configs/smlnet_test.py", "workdir": "runs/first"}
WANTED = {  # by what Python or absl says of a value that is something else
    "invalid literal for int()": "a whole number",
    "could not convert string to float": "a number",
    "Non-boolean argument": "True or False",
}


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
        recipe = flags.FLAGS.config  # a recipe that was not found says so when it is first touched
        _ = recipe.is_locked
    except flags.Error as error:
        raise UserError(_plain(str(error))) from error
    except Exception as error:
        raise UserError(_of_recipe(_named(argv), error.__cause__ or error)) from error
    if rest[1:]:
        raise UserError(
            f"{rest[1]!r} is not a flag; write --config.SECTION.KEY=VALUE, quoted if it has spaces"
        )
    return rest


def _plain(told: str) -> str:
    """What absl says of the flags, in the words of this project where it has any."""
    lines = told.strip().splitlines()
    shown = lines[-1:] if "Traceback" in told else lines  # of a recipe that fails, what it fails with
    line = " ".join(" ".join(shown).split()).rstrip(".")
    flag = re.match(r"flag --(\S+?)=(.*?): ", line)
    for words, meant in WANTED.items():
        if flag and words in line:
            return f"{flag[1]}={flag[2]!r} must be {meant}"
    for name, example in REQUIRED.items():
        if line.startswith(f"flag --{name}=None"):
            return f"--{name} is missing; give one, as --{name}={example}"
    return f"{line}; --help lists the flags"


def _of_recipe(named: str, error: BaseException) -> str:
    """Why the recipe that `named`, --config=PATH, names could not be read."""
    another = "give a recipe, as configs/smlnet_test.py"
    path = Path(named.partition("=")[2].rpartition(":")[0] or named.partition("=")[2])
    if path.is_dir():
        return f"{named} is a folder; {another}"
    if not path.is_file():
        return f"{named} is not there; {another}"
    if isinstance(error, SyntaxError):
        return f"{named} is no recipe: line {error.lineno} is no Python ({error.msg}); {another}"
    if isinstance(error, AttributeError) and "get_config" in str(error):
        return f"{named} is no recipe: it has no get_config(); {another}"
    if isinstance(error, AttributeError) and "is_locked" in str(error):
        return f"{named} is no recipe: its get_config() returns no ConfigDict; {another}"
    where = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if _same(frame.filename, path)
    ]
    line = f" in line {where[-1]}" if where else ""
    return f"{named} fails{line} ({type(error).__name__}: {error}); mend it, or {another}"


def _same(name: str, path: Path) -> bool:
    return Path(name).resolve() == path.resolve()


def _named(argv: Sequence[str]) -> str:
    """The last --config of a command line, with = whether or not it was given so."""
    joined = (f"{one}={other}" if one == "--config" else one for one, other in pairwise([*argv, ""]))
    return [one for one in ("--config=", *joined) if one.startswith("--config=")][-1]
