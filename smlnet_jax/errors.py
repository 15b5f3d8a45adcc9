"""Mistakes a user can make, told in one sentence."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable

STOPPED = 130  # what a shell reports of a program ended by Ctrl-C


class UserError(ValueError):
    """Something outside the program is wrong; the message says what, where, and what to do about it.

    The command-line doors print it as one line and exit with code 2; everything else that is raised is a bug
    of ours and keeps its traceback.
    """


def one_line_errors(main: Callable[..., int | None]) -> Callable[..., int]:
    """Wraps a door's `main`: a `UserError` becomes `error: ...` on stderr and exit code 2."""

    @functools.wraps(main)
    def door(*args, **kwargs) -> int:
        try:
            return main(*args, **kwargs) or 0
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2

    return door


def ends_with_its_reader(main: Callable[..., int]) -> Callable[..., int]:
    """Wraps the `main` of a program that tells: whoever reads it, such as `head`, may have seen enough."""

    @functools.wraps(main)
    def door(*args, **kwargs) -> int:
        try:
            code = main(*args, **kwargs)
            sys.stdout.flush()
            return code
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains at exit
            return 0

    return door
