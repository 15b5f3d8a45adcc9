"""Named arrays from a file that a user brings: `.npz` or `.safetensors`. Nothing is unpickled."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from smlnet_jax.errors import UserError

Arrays = dict[str, np.ndarray]


def read_arrays(path: Path) -> Arrays:
    """All arrays of a file. Raises `UserError` that names it if it is missing, damaged or of another kind."""
    if path.suffix not in (".npz", ".safetensors"):
        raise UserError(f"{path} is neither .npz nor .safetensors; convert it as docs/evaluation.md shows")
    try:
        if path.suffix == ".safetensors":
            return safetensors.numpy.load(path.read_bytes())
        with path.open("rb") as archive:
            if not zipfile.is_zipfile(archive):
                raise zipfile.BadZipFile("no archive")
            with np.load(archive, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); give the file with the weights"
        ) from error
    except KeyError as error:  # of a dtype that NumPy does not have
        raise UserError(f"{path} holds arrays of {error}; convert it again, as float32") from error
    except (safetensors.SafetensorError, zipfile.BadZipFile, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path} is no {path.suffix} file, or a damaged one ({reason}); convert it again"
        ) from error


def one_of(arrays: Arrays, names: tuple[str, ...], path: Path) -> np.ndarray:
    """The array under the first of the names that is there; raises `UserError` if none is."""
    for name in names:
        if name in arrays:
            return arrays[name]
    raise UserError(f"{path} has no {' or '.join(names)}; it holds {_listed(arrays)}")


def check(array: np.ndarray, shape: tuple[int, ...], name: str, path: Path) -> np.ndarray:
    """The array, if it is of this shape and finite; raises `UserError` that names what is wrong otherwise."""
    if array.shape != shape:
        raise UserError(f"{name} in {path} has the shape {array.shape}, not {shape}; convert it again")
    if not np.issubdtype(array.dtype, np.number) or not np.isfinite(array).all():
        raise UserError(f"{name} in {path} is not finite, or holds no numbers; convert it again")
    return array


def _listed(arrays: Arrays, most: int = 5) -> str:
    names = sorted(arrays)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "nothing") + more
