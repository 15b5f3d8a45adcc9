"""`smlnet`: each command lives in a module of its own, which is imported when it is called and not before."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple, NoReturn

from smlnet_jax import __version__
from smlnet_jax.errors import STOPPED, UserError, ends_with_its_reader, one_line_errors


class Command(NamedTuple):
    """`module` has `configure(parser)`, which adds flags, and `run(args)`, which returns the exit code."""

    module: str
    help: str
    extra: str = ""  # of the package: brings what the module imports beyond the base installation


COMMANDS = {
    "restore": Command(
        "smlnet_jax.restoration.command", "restore the faces in photographs and videos", "restore"
    ),
    "demo": Command("smlnet_jax.restoration.demo", "restore one face and say how close it came", "demo"),
    "score": Command("smlnet_jax.evaluation.score", "score a folder of results against the originals"),
    "compare": Command(
        "smlnet_jax.evaluation.compare", "say which of two scored methods is better, and how surely"
    ),
    "figures": Command(
        "smlnet_jax.figures.command", "draw what networks make of faces, and what is inside them", "figures"
    ),
    "models": Command("smlnet_jax.export.listing", "networks and weights, what they cost, on which terms"),
    "quickstart": Command("smlnet_jax.quickstart", "train and score a small network in minutes", "train"),
    "data prepare": Command("smlnet_jax.data.prepare", "bring face images into training's form", "train"),
    "data build": Command("smlnet_jax.data.build", "build a data set of tensorflow-datasets", "train"),
    "data teach": Command(
        "smlnet_jax.evaluation.teach", "restore faces that a network can learn from", "train"
    ),
    "export": Command("smlnet_jax.export.command", "write the weights of a training run", "train"),
}


@ends_with_its_reader
@one_line_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command that the arguments (by default the program's own) name; the exit code.

    What argparse finds wrong, or is asked to print, raises SystemExit.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    for name, command in COMMANDS.items():
        words = name.split()
        if given[: len(words)] == words:
            return _run(name, command, given[len(words) :])
    _overview(given)


def _run(name: str, command: Command, flags: list[str]) -> int:
    with _missing_packages(name, command.extra):
        module = importlib.import_module(command.module)
        parser = argparse.ArgumentParser(prog=f"smlnet {name}")
        module.configure(parser)
        args = parser.parse_args(flags)
        try:
            return module.run(args) or 0
        except KeyboardInterrupt:
            return STOPPED


@contextlib.contextmanager
def _missing_packages(name: str, extra: str) -> Iterator[None]:
    """Turns the absence of somebody else's package into a sentence; of our own modules it is a bug."""
    try:
        yield
    except ModuleNotFoundError as error:
        if not extra or error.name is None or error.name.partition(".")[0] == "smlnet_jax":
            raise
        raise UserError(
            f"`smlnet {name}` needs the package {error.name}, which is not installed; "
            f"pip install 'smlnet-jax[{extra}]'"
        ) from error


def _overview(given: list[str]) -> NoReturn:
    """For everything that calls no command: help, the version, or what is wrong."""
    width = max(map(len, COMMANDS))
    parser = argparse.ArgumentParser(
        prog="smlnet",
        usage="smlnet COMMAND ...",
        description="Face super-resolution by SMLNet, in JAX.",
        epilog="\n".join(
            [
                "commands:",
                *(f"  {name:{width}}  {command.help}" for name, command in COMMANDS.items()),
                "\n`smlnet COMMAND --help` explains one. train.py trains networks, eval.py scores them.",
            ]
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"smlnet-jax {__version__}")
    _, words = parser.parse_known_args(given)
    if not words:
        parser.print_help(sys.stderr)
        parser.exit(2)
    called = " ".join(words[:2] if words[0] == "data" else words[:1])
    close = difflib.get_close_matches(called, COMMANDS, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(COMMANDS)}"
    parser.error(f"there is no command {called!r}; {hint}")
