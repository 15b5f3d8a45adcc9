"""Which figures are drawn of faces and networks, each with a sentence of how to read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from smlnet_jax.errors import UserError
from smlnet_jax.figures import branches, comparison, curves, gates, inset, spectra
from smlnet_jax.figures.faces import Faces, Restored, methods
from smlnet_jax.figures.inset import Inset


@dataclass(frozen=True)
class Drawn:
    """A figure (None: left out, and `reading` says why), and the numbers that it shows."""

    stem: str  # of its files
    title: str
    reading: str
    figure: Figure | None = None
    chart: bool = False  # has lines, so that it is worth a vector format
    numbers: dict[str, Any] = field(default_factory=dict)


def draw(
    faces: Faces, networks: Sequence[Restored], *, box: Inset | None = None, protocol: str = "sfmnet"
) -> Iterator[Drawn]:
    """All figures, one by one. `box` is the inset of every face; without it each face gets its own."""
    compared = methods(faces, networks)
    yield _comparison(faces, networks, compared, box, protocol)
    yield Drawn(
        "errors",
        "Error maps",
        "How far Y is off at each pixel, on one scale for all: dark is right. What is bright under every "
        "method is what LR did not say; what is bright under one only is that method's own invention.",
        comparison.error_maps(faces, compared, protocol),
    )
    yield Drawn(
        "spectra",
        "Spectra",
        "Log-amplitude of Y's spectrum, low frequencies in the middle, on one scale; below, how it "
        "differs from HR's: blue is missing, red is too much, grey is where neither has anything. Inside the "
        "box lies what LR still holds; all else was learnt. An amplitude may be right at the wrong place: "
        "the next figure tells.",
        spectra.spectra(faces, compared),
    )
    yield _bands(faces, compared)
    for network in networks:
        stem = file_stem(network.label)
        yield _branches(f"branches_{stem}", faces, network, protocol)
        yield _gates(f"gates_{stem}", faces, network)


def _comparison(
    faces: Faces, networks: Sequence[Restored], compared: dict, box: Inset | None, protocol: str
) -> Drawn:
    first = networks[0]
    insets = [box or inset.busiest(first.sr[i], faces.bicubic[i]) for i in range(faces.shown)]
    where = "as asked for" if box else f"where {first.label} differs most from bicubic"
    psnr = {
        title: np.round(values, 4).tolist()
        for title, values in comparison.shown_scores(faces, compared, protocol).items()
    }
    return Drawn(
        "comparison",
        "Comparison",
        f"Each method beside its original; below each face the box, {where}, enlarged by repeating pixels. "
        "Look at the enlarged part first, and only then at the PSNR, which blur flatters."
        + _without_fre(networks),
        comparison.comparison(faces, compared, insets, protocol),
        numbers={"insets": insets, "psnr": psnr},
    )


def _without_fre(networks: Sequence[Restored]) -> str:
    """Why no I_fre is compared, if so."""
    if len(networks) > 1:
        return " Of several networks only the results are compared; I_fre is drawn of one by itself."
    if networks[0].fre is None:
        return f" I_fre is left out: {networks[0].label} has one output."
    return ""


def _bands(faces: Faces, compared: dict) -> Drawn:
    measured = curves.measure(faces, compared)
    return Drawn(
        "bands",
        "PSNR by radial frequency",
        "The error split by frequency: on the left the mean over faces, shaded from the 10th to the 90th "
        "percentile, and dotted what a picture would score that has nothing in the band; on the right the "
        "gain over bicubic face by face. A curve at the dotted line has restored nothing there, one below "
        "it draws what is wrong.",
        curves.chart(measured),
        chart=True,
        numbers=measured.to_json(),
    )


def _branches(stem: str, faces: Faces, network: Restored, protocol: str) -> Drawn:
    title = f"What each branch contributes: {network.label}"
    try:
        patterns = branches.parts(network.model)
    except UserError as error:
        return Drawn(stem, title, f"left out: {error}, so there is no other to be silenced")
    without = branches.contributions(network, faces, patterns)
    lost = branches.losses(network, without, faces, protocol)
    means = "; ".join(f"{values.mean():.2f} dB without {part}" for part, values in lost.items())
    return Drawn(
        stem,
        title,
        "The same weights with one part silenced, and in brackets what that costs the face in PSNR. Mean "
        f"loss over {len(faces.names)} faces: {means}. It says what this network relies on, not what one "
        "would score that was trained without the part.",
        branches.on_and_off(network, without, faces, protocol),
        numbers={"loss": {part: round(float(values.mean()), 4) for part, values in lost.items()}},
    )


def _gates(stem: str, faces: Faces, network: Restored) -> Drawn:
    title = f"Gates: {network.label}"
    try:
        maps = gates.gate_maps(network.model, network.params, faces.lr[: faces.shown], faces.size)
    except UserError as error:
        return Drawn(stem, title, f"left out: {error}, so there is no gate")
    means = {stage: [round(float(m[:, gate].mean()), 4) for gate in (0, 1)] for stage, m in maps.items()}
    return Drawn(
        stem,
        title,
        "How much of each branch the interaction lets through at each stage, from left to right in the "
        "order of the data: gf of the frequency branch above, gs of the spatial one below, as means over "
        "channels; bright lets more through. A map in which the face cannot be seen is one weight for the "
        "whole picture, and does not choose between places.",
        gates.gate_figure(network, faces, maps),
        numbers={"mean": means},
    )


def file_stem(label: str) -> str:
    """A label as part of a file's name."""
    return "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in label)
