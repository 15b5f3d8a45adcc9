"""The features that FID compares, by a network in an ONNX file; docs/evaluation.md shows how to export it.

The file takes one input, RGB in [0, 1], float32 [images, 3, height, width], and brings it itself to the size
and range that the network wants; its one output is [images, features], which sides of 1 may follow. FID is
defined by one Inception network and its resizing: a figure through another file is no FID.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from smlnet_jax.errors import UserError

_INSTALL = "`pip install onnxruntime`"


class Inception:
    """Features of images, any number of one size at a time."""

    def __init__(self, path: Path) -> None:
        """Raises `UserError` without the file or onnxruntime, and if it takes or gives other shapes."""
        try:
            import onnxruntime
        except ImportError as error:
            raise UserError(f"FID needs onnxruntime, which is not installed; {_INSTALL}") from error
        if not path.is_file():
            raise UserError(f"{path} is not there; give FID's network as an ONNX file")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        except Exception as error:  # of onnxruntime's own classes, which it does not export
            reason = " ".join(str(error).split())
            raise UserError(f"{path} is no ONNX file that onnxruntime reads ({reason})") from error
        self._path = path
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or not _takes_images(inputs[0]):
            raise UserError(
                f"{path} takes {_told(inputs)}; FID's network takes one input, tensor(float) "
                "[images, 3, height, width]"
            )
        if len(outputs) != 1 or not _gives_features(outputs[0]):
            raise UserError(
                f"{path} gives {_told(outputs)}; FID's network gives one output, [images, features]"
            )
        self._input = inputs[0].name
        self._sides = [side if isinstance(side, int) else None for side in inputs[0].shape[2:]]

    def __call__(self, images: UInt8[np.ndarray, "b h w 3"]) -> Float[np.ndarray, "b f"]:
        """Raises `UserError` for images of another size than the file takes: nothing is resized here."""
        batch, height, width, _ = images.shape
        high, wide = self._sides
        if high not in (None, height) or wide not in (None, width):
            raise UserError(
                f"{self._path} takes images of {wide or 'any'}x{high or 'any'}, not {width}x{height}; export "
                "it with a resize of its own, as docs/evaluation.md shows"
            )
        planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32) / 255
        try:
            features = self._session.run(None, {self._input: planes})[0].reshape(batch, -1)
        except Exception as error:  # of onnxruntime's own classes, as above
            reason = " ".join(str(error).split())
            raise UserError(f"{self._path} does not run on images of {width}x{height} ({reason})") from error
        if not np.isfinite(features).all():
            raise UserError(f"{self._path} gives features that are not finite; export it again")
        return features


def _takes_images(given) -> bool:
    shape = given.shape
    any_number = len(shape) == 4 and not isinstance(shape[0], int)
    return given.type == "tensor(float)" and any_number and shape[1] == 3


def _gives_features(given) -> bool:
    shape = given.shape
    return len(shape) >= 2 and all(side == 1 for side in shape[2:])


def _told(values) -> str:
    return ", ".join(f"{value.name} {value.type} {value.shape}" for value in values) or "nothing"
