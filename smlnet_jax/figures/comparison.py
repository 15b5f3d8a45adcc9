"""Methods side by side: pictures with a part enlarged, and where each is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from smlnet_jax.figures.faces import Faces, Images, luma, score
from smlnet_jax.figures.grid import Cell, Row, Scale, cell_side, grid
from smlnet_jax.figures.inset import Inset


def comparison(faces: Faces, methods: Mapping[str, Images], insets: Sequence[Inset], protocol: str) -> Figure:
    """LR, each method and HR; below each face the box that is marked in it, enlarged.

    `insets` has one square a shown face. Under each picture stands its PSNR.
    """
    scores = shown_scores(faces, methods, protocol)
    rows = []
    for i, inset in enumerate(insets):
        pictures = {title: images[i] for title, images in methods.items()} | {"HR": faces.hr[i]}
        captions = {title: f"{values[i]:.2f} dB" for title, values in scores.items()}
        captions["HR"] = f"PSNR ({protocol})"
        whole = [Cell(picture, captions[title], inset) for title, picture in pictures.items()]
        parts = [Cell(inset.cut(picture), framed=True) for picture in pictures.values()]
        lr = faces.lr[i]
        rows.append(Row([Cell(lr, f"{lr.shape[1]}x{lr.shape[0]} pixels"), *whole], faces.names[i]))
        rows.append(Row([None, *parts]))
    return grid(["LR", *methods, "HR"], rows, cell_side(faces.size))


def shown_scores(
    faces: Faces, methods: Mapping[str, Images], protocol: str
) -> dict[str, Float[np.ndarray, " shown"]]:
    """PSNR in dB of each shown face, by method."""
    shown = slice(faces.shown)
    return {title: score(images[shown], faces.hr[shown], protocol) for title, images in methods.items()}


def error_maps(faces: Faces, methods: Mapping[str, Images], protocol: str) -> Figure:
    """|Y - Y of HR| of each method, all on one scale, HR beside them."""
    hr = luma(faces.hr[: faces.shown])
    errors = {title: np.abs(luma(images[: faces.shown]) - hr) for title, images in methods.items()}
    # Not the largest error, a hair on a bright wall: beside it all others would look alike.
    highest = np.ceil(np.percentile(np.stack(list(errors.values())), 99) / 10) * 10
    scale = Scale("inferno", 0, max(highest, 10), "|error of Y|, levels of 255", "max")
    scores = shown_scores(faces, methods, protocol)
    rows = []
    for i in range(faces.shown):
        maps = [Cell(scale.paint(e[i]), f"{scores[title][i]:.2f} dB") for title, e in errors.items()]
        rows.append(Row([Cell(faces.hr[i], f"PSNR ({protocol})"), *maps], faces.names[i], scale))
    return grid(["HR", *methods], rows, cell_side(faces.size))
