"""PSNR by radial frequency, as a chart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from smlnet_jax.figures.faces import Faces, Images
from smlnet_jax.figures.grid import DPI
from smlnet_jax.metrics import band_floor, band_psnr

# Okabe and Ito's colours, which differ for colour-blind readers too.
_COLOURS = ("#56b4e9", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#0072b2")
_BICUBIC = "#555555"


@dataclass(frozen=True)
class Curves:
    """PSNR in dB of each face in bands of radial frequency, by method."""

    centres: Float[np.ndarray, " bands"]  # cycles per pixel
    methods: Mapping[str, Float[np.ndarray, "n bands"]]
    floor: Float[np.ndarray, "n bands"]  # of a picture with nothing in the band
    scale: int

    def to_json(self) -> dict[str, Any]:
        """Means over faces; null where no face has a finite one."""

        def means(values: Float[np.ndarray, "n bands"]) -> list[float | None]:
            return [round(float(mean), 4) if np.isfinite(mean) else None for mean in _mean(values)]

        return {
            "frequency": self.centres.tolist(),
            "psnr": {title: means(values) for title, values in self.methods.items()},
            "floor": means(self.floor),
        }


def measure(faces: Faces, methods: Mapping[str, Images]) -> Curves:
    """Bands of equal width up to half a cycle per pixel; the corners of the spectrum beyond are left out."""
    count = max(4, min(32, faces.size // 4))
    edges = [i / (2 * count) for i in range(1, count + 1)]
    hr = jnp.asarray(faces.hr, jnp.float32) / 255

    def bands(values) -> Float[np.ndarray, "n bands"]:
        return np.asarray(values, np.float64)[:, :-1]

    return Curves(
        centres=np.array(edges) - edges[0] / 2,
        methods={
            title: bands(band_psnr(jnp.asarray(images, jnp.float32) / 255, hr, edges=edges))
            for title, images in methods.items()
        },
        floor=bands(band_floor(hr, edges=edges)),
        scale=faces.scale,
    )


def chart(curves: Curves) -> Figure:
    """Left, PSNR by frequency; right, what each method gains over bicubic, face by face."""
    figure = Figure(figsize=(11, 4.4), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    colours = dict(zip(curves.methods, (_BICUBIC, *_COLOURS * len(curves.methods)), strict=False))

    (floor,) = left.plot(curves.centres, _mean(curves.floor), ":", color="black", lw=1.2)
    lines = {"band left empty": floor} | {
        title: _curve(left, curves.centres, values, colours[title])
        for title, values in curves.methods.items()
    }
    left.set(ylabel="PSNR in the band, dB", title="Mean over faces, and 10th to 90th percentile")

    right.axhline(0, color=_BICUBIC, lw=1.2)
    bicubic = curves.methods["bicubic"]
    gains = {}
    for title, values in curves.methods.items():
        if title != "bicubic":
            with np.errstate(invalid="ignore"):  # neither shows an error
                gains[title] = _curve(right, curves.centres, values - bicubic, colours[title])
    right.set(ylabel="gain over bicubic, dB", title="The same, less bicubic on the same face")

    for axes, shown in ((left, lines), (right, gains)):
        _finish(axes, curves.scale)
        _legend(axes, shown)
    return figure


def _curve(axes: Axes, x, values: Float[np.ndarray, "n bands"], colour: str) -> Line2D:
    (line,) = axes.plot(x, _mean(values), color=colour, lw=1.8)
    spread = [np.percentile(band, (10, 90)) if band.size else (np.nan, np.nan) for band in _finite(values)]
    axes.fill_between(x, *np.transpose(spread), color=colour, alpha=0.15, lw=0)
    return line


def _legend(axes: Axes, lines: Mapping[str, Line2D]) -> None:
    """Of titles as they are: matplotlib would leave out _this and read $that$ as mathematics."""
    for text in axes.legend(lines.values(), lines, frameon=False).get_texts():
        text.set_parse_math(False)


def _mean(values: Float[np.ndarray, "n bands"]) -> Float[np.ndarray, " bands"]:
    return np.array([band.mean() if band.size else np.nan for band in _finite(values)])


def _finite(values: Float[np.ndarray, "n bands"]) -> list[Float[np.ndarray, " m"]]:
    """The values of each band, without those of faces that show no error in it."""
    return [band[np.isfinite(band)] for band in values.T]


def _finish(axes: Axes, scale: int) -> None:
    axes.axvline(0.5 / scale, color="gray", ls="--", lw=1)
    axes.annotate(
        f" LR ends (1/{2 * scale})",
        (0.5 / scale, 0.01),
        xycoords=("data", "axes fraction"),
        va="bottom",
        color="gray",
    )
    axes.set_xlim(0, 0.5)
    axes.set_xticks([0, 1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2], ["0", "1/16", "1/8", "1/4", "3/8", "1/2"])
    axes.set_xlabel("radial frequency, cycles per pixel")
    axes.title.set_fontsize(10)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
