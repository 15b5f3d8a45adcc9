"""One run a workdir: two would write over each other's checkpoints and rows."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from smlnet_jax.errors import UserError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FILE = "lock"
_TAKEN = (errno.EAGAIN, errno.EACCES)


@contextlib.contextmanager
def alone_in(workdir: Path) -> Iterator[None]:
    """Holds `workdir`/lock. The system lets go of it when the process ends, however it ends.

    Raises `UserError` if another process holds it, or the workdir cannot be written. Windows, and file
    systems without locks, as some network ones are, go without.
    """
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        file = (workdir / FILE).open("a")
    except OSError as error:
        raise UserError(
            f"cannot write into {workdir} ({error.strerror}); free it, or give another --workdir"
        ) from error
    with file:
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _TAKEN:
                raise UserError(
                    f"another process is training in {workdir}; wait for it or stop it, or give another "
                    "--workdir"
                ) from error
        yield
