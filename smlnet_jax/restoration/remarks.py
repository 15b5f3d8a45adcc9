"""What a user should know about a face before trusting its restoration: one sentence each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from smlnet_jax.restoration.align import canonical_landmarks, misfit
from smlnet_jax.restoration.consistency import AlignedFace
from smlnet_jax.restoration.identity import SAME_PERSON
from smlnet_jax.restoration.resample import Map

# Root mean square distances of five landmarks from the canonical places, in sides of the crop. 99 % of 400
# training faces stay below 0.042 as they are, and below 0.034 behind the best similarity.
FOREIGN_CROP = 0.06
TURNED_AWAY = 0.045
RECOGNISABLE = 32  # pixels across a crop from which identity and landmarks are known well
NO_FACE = "no face was found"


def on_size(face: AlignedFace, left_alone: bool) -> Iterator[str]:
    """About its size."""
    lr_size, size = face.lr.shape[0], face.before.shape[0]
    if left_alone:
        yield (
            f"this face is as sharp as the {size} pixels that the network can give, and is left as it is; "
            "fidelity=0 restores it all the same"
        )
    elif round(face.span) < lr_size:
        yield (
            f"this face is smaller than {lr_size} pixels (its crop spans {face.span:.0f}); most of the "
            "result is guessed"
        )


def on_pose(
    landmarks: Float[np.ndarray, "5 2"], to_crop: Map, picture: tuple[int, int], size: int
) -> Iterator[str]:
    """About its place in the photograph of (height, width) `picture`."""
    if misfit(landmarks, to_crop, size) > TURNED_AWAY:
        yield "this face is turned away or partly hidden; the network has seen frontal faces"
    if (landmarks < 0).any() or (landmarks > np.array(picture[::-1]) - 1).any():
        yield "this face reaches beyond the picture; what is missing was mirrored"


def on_crop(landmarks: Float[np.ndarray, "5 2"], size: int, span: float) -> Iterator[str]:
    """About a crop of `span` pixels that the user made; `landmarks` are found in it, enlarged to `size`."""
    tolerance = FOREIGN_CROP if span >= RECOGNISABLE else 2 * FOREIGN_CROP  # LR faces hide their landmarks
    if misfit(landmarks, np.eye(2, 3), size) > tolerance:
        found, wanted = (
            " and ".join(f"({x:.2f}, {y:.2f})" for x, y in points[:2])
            for points in (landmarks / size, canonical_landmarks(1))
        )
        yield (
            f"your crop is not the training crop: its eyes are at {found} of the side, the network's at "
            f"{wanted}; leave --aligned out to have it aligned"
        )


def on_identity(cosine: float | None, face: AlignedFace) -> Iterator[str]:
    """About whether it is still the same person."""
    if cosine is not None and cosine < SAME_PERSON and face.resolution >= RECOGNISABLE:
        yield (
            f"the result may not look like the same person: identity cosine {cosine:.2f}, below {SAME_PERSON}"
        )


def on_canvas(face_spans: list[float], size: int, upscale: float) -> Iterator[str]:
    """About a photograph too coarse to show what was restored; spans in pixels of the photograph."""
    smallest = min(face_spans, default=float(size))
    if smallest * upscale < size / 2:
        yield (
            f"the smallest restored face covers {smallest * upscale:.0f} pixels of the result and was "
            f"restored at {size}; enlarge by {min(size / smallest, 16):.0f} (-s) to see all of it"
        )
