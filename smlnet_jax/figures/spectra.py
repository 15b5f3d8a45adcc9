"""Log-amplitude spectra: what of the original's spectrum each method has, and what it lacks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure

from smlnet_jax.figures.faces import Faces, Images, luma
from smlnet_jax.figures.grid import Cell, Row, Scale, cell_side, grid
from smlnet_jax.figures.inset import Inset

_RANGE = 60  # dB that the amplitude's scale spans
_NOTHING = 200  # the grey of bins where there is nothing to compare
_SILENT = 1e-6  # power below which a bin holds nothing but rounding


def spectra(faces: Faces, methods: Mapping[str, Images]) -> Figure:
    """HR and each method: the spectrum, and its difference to HR's, of the first face and of all.

    The box is what LR holds: frequencies up to 1 / (2 scale) along each axis.
    """
    powers = {title: power(luma(images)) for title, images in {"HR": faces.hr, **methods}.items()}
    box = _lr_band(faces)
    views = {faces.names[0]: 0, f"mean over {len(faces.names)} faces": None}
    rows = []
    for name, index in views.items():
        levels = {title: decibels(p.mean(0) if index is None else p[index]) for title, p in powers.items()}
        highest = np.ceil(max(level.max() for level in levels.values()) / 10) * 10
        amplitude = Scale("magma", highest - _RANGE, highest, "amplitude, dB", "min")
        apart = Scale("RdBu_r", -20, 20, "difference to HR, dB", "both")
        hr = levels["HR"]
        rows.append(
            Row([Cell(amplitude.paint(level), box=box) for level in levels.values()], name, amplitude)
        )
        differences = [Cell(_differ(apart, levels[title], hr, amplitude.low), box=box) for title in methods]
        rows.append(Row([None, *differences], scale=apart))
    return grid(list(powers), rows, cell_side(faces.size))


def _differ(
    scale: Scale, level: Float[np.ndarray, "h w"], hr: Float[np.ndarray, "h w"], lowest: float
) -> UInt8[np.ndarray, "h w 3"]:
    """Grey where neither has anything above `lowest`: nothing can be missing there."""
    painted = scale.paint(level - hr)
    painted[(level < lowest) & (hr < lowest)] = _NOTHING
    return painted


def power(y: Float[np.ndarray, "n h w"]) -> Float[np.ndarray, "n h w"]:
    """|orthonormal DFT|^2 of each picture less its mean, frequency 0 in the middle.

    A Hann window (of mean square 1) fades the borders out, which would draw a cross over the spectrum.
    """
    window = np.outer(np.hanning(y.shape[1]), np.hanning(y.shape[2]))
    window /= np.sqrt(np.square(window).mean())
    faded = (y - y.mean((1, 2), keepdims=True)) * window
    return np.square(np.abs(np.fft.fftshift(np.fft.fft2(faded, norm="ortho"), axes=(1, 2))))


def decibels(p: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    return 10 * np.log10(np.maximum(p, _SILENT))


def _lr_band(faces: Faces) -> Inset:
    half = faces.size // (2 * faces.scale)
    return Inset(faces.size // 2 - half, faces.size // 2 - half, 2 * half)
