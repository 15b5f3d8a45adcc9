"""Faces in a photograph: boxes, five landmarks and scores, by YuNet.

Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023. Any other
detector fits that keeps to the protocol `Detector`.
"""

from __future__ import annotations

import itertools
import math
import threading
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, UInt8

from smlnet_jax.restoration.bundled import YUNET, onnx_file, opencv, quiet
from smlnet_jax.restoration.resample import Map, compose, grid_map, invert, shift, transform

# Longest side of the copy on which large faces are found; smaller photographs are enlarged to it, but by no
# more than MAX_ENLARGEMENT.
SMALL_COPY = 640
MAX_ENLARGEMENT = 4
MIN_SIDE = 8  # pixels; a copy that is narrower holds no face that could be found
TILE = 1600  # longest side of what is looked at at once
TILE_SCORE = 0.7  # of a face in one of several: the more is looked at, the more looks like a face by chance
TILE_OVERLAP = 200  # pixels that neighbouring tiles share; larger faces are found on the small copy
OVERLAP = 0.3  # two boxes with a larger intersection over union are one face
VIEW_FACES = (64, 96, 128)  # width of the face, in pixels, in the views that refine its landmarks
VIEW_MARGIN = 2.0  # side of a view, in widths of the face


@dataclass(frozen=True, eq=False)
class Detection:
    """One face. Coordinates are pixels of the photograph, (0, 0) being the centre of its first pixel."""

    box: Float[np.ndarray, "edges=4"]  # left, top, right, bottom; may reach beyond the picture
    landmarks: Float[np.ndarray, "5 2"]  # (x, y) of the eyes (left in the picture first), nose, mouth corners
    score: float  # in [0, 1]

    @property
    def centre(self) -> Float[np.ndarray, "xy=2"]:
        return (self.box[:2] + self.box[2:]) / 2

    @property
    def width(self) -> float:
        """The longer side of the box."""
        return float((self.box[2:] - self.box[:2]).max())


class Detector(Protocol):
    """What restoration needs of a face detector; the best face first."""

    def __call__(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Detection]: ...


class YuNet:
    """Finds faces from about 10 pixels up to the whole picture; safe to share between threads.

    YuNet sees faces of 10 to 400 pixels, so it looks at a small copy of the photograph for large faces and,
    where that is larger, at the photograph itself for small ones, tile by tile; without `small_faces` at a
    copy of TILE pixels, which is five times as fast for 12 megapixels and shows faces from 40 pixels up
    there. Its landmarks scatter by 3 % of the face's width, and by 14 % on faces of 12 pixels; so each face
    is looked at again in three views of known size, and the mean of their landmarks is taken (1.6 % and
    2.8 %). A face that no view confirms is dropped.
    """

    def __init__(self, *, score: float = 0.6, small_faces: bool = True) -> None:
        cv2 = opencv()
        self._cv2 = cv2
        self._small_faces = small_faces
        with quiet(cv2):
            self._network = cv2.FaceDetectorYN.create(
                str(onnx_file(YUNET)), "", (320, 320), score_threshold=score, nms_threshold=OVERLAP
            )
        self._lock = threading.Lock()  # the network holds the size of its input

    def __call__(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Detection]:
        longest = max(image.shape[:2])
        small = min(SMALL_COPY, longest * MAX_ENLARGEMENT)
        found = self._on_copy(image, small)
        if longest > small and self._small_faces:
            found += self._on_tiles(image)
        elif longest > small:
            found += self._on_copy(image, min(longest, TILE))
        refined = (self._refine(image, face) for face in _distinct(found))
        return _distinct([face for face in refined if face is not None])

    def _on_copy(self, image: UInt8[np.ndarray, "h w 3"], longest_side: int) -> list[Detection]:
        ratio = longest_side / max(image.shape[:2])
        height, width = (max(round(side * ratio), 1) for side in image.shape[:2])
        if min(height, width) < MIN_SIDE:
            return []
        kernel = self._cv2.INTER_AREA if ratio < 1 else self._cv2.INTER_CUBIC
        copy = image if ratio == 1 else self._cv2.resize(image, (width, height), interpolation=kernel)
        return self._run(copy, grid_map((height, width), image.shape[:2]))

    def _on_tiles(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Detection]:
        """Faces at the photograph's own size, but for those that a cut between two tiles goes through."""
        if min(image.shape[:2]) < MIN_SIDE:
            return []
        tiles = list(itertools.product(*map(_cuts, image.shape[:2])))
        least = TILE_SCORE if len(tiles) > 1 else 0.0
        found = []
        for rows, columns in tiles:
            corner = np.array([columns.start, rows.start], np.float64)
            inside = np.where(corner > 0, corner + 1, -np.inf)
            end = np.array([columns.stop, rows.stop])
            within = np.where(end < image.shape[1::-1], end - 2, np.inf)
            found += [
                face
                for face in self._run(image[rows, columns], shift(*corner))
                if face.score >= least and (face.box[:2] > inside).all() and (face.box[2:] < within).all()
            ]
        return found

    def _refine(self, image: UInt8[np.ndarray, "h w 3"], face: Detection) -> Detection | None:
        """The face with the mean landmarks of its views; None if no view shows a face in its middle."""
        seen = [near for width in VIEW_FACES if (near := self._in_view(image, face, width)) is not None]
        if not seen:
            return None
        return Detection(face.box, np.mean([near.landmarks for near in seen], axis=0), face.score)

    def _in_view(self, image: UInt8[np.ndarray, "h w 3"], face: Detection, width: int) -> Detection | None:
        """The face found in the middle of a square view of `image` in which `face` is `width` pixels wide."""
        cv2 = self._cv2
        side, scale = round(width * VIEW_MARGIN), width / face.width
        to_view = np.array([[scale, 0, 0], [0, scale, 0]], np.float64)
        to_view[:, 2] = (side - 1) / 2 - scale * face.centre
        source, to_source = image, np.eye(2, 3)
        if scale < 1:  # reduce first, so that the view is not aliased
            source, to_source = _reduced_window(cv2, image, invert(to_view), side, scale)
        step = compose(to_view, invert(to_source))
        view = cv2.warpAffine(
            source, step, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        near = [
            found
            for found in self._run(view, invert(to_view))
            if np.abs(found.centre - face.centre).max() < face.width / 2
        ]
        return min(near, key=lambda found: np.abs(found.centre - face.centre).sum(), default=None)

    def _run(self, picture: UInt8[np.ndarray, "h w 3"], to_photo: Map) -> list[Detection]:
        """Faces in a copy or view, in coordinates of the photograph."""
        bgr = np.ascontiguousarray(picture[..., ::-1])
        with self._lock:
            self._network.setInputSize((picture.shape[1], picture.shape[0]))
            _, rows = self._network.detect(bgr)
        faces = []
        for row in np.zeros((0, 15)) if rows is None else np.asarray(rows, np.float64):
            corners = transform(np.array([row[:2], row[:2] + row[2:4]]), to_photo)
            landmarks = transform(row[4:14].reshape(5, 2), to_photo)
            if np.isfinite(row).all() and (row[2:4] > 1).all():
                faces.append(Detection(corners.reshape(4), landmarks, float(min(row[14], 1.0))))
        return faces


def _cuts(length: int) -> list[slice]:
    """One side of a picture in equal parts of at most TILE that overlap by TILE_OVERLAP or a little more."""
    count = max(math.ceil((length - TILE_OVERLAP) / (TILE - TILE_OVERLAP)), 1)
    part = math.ceil((length + (count - 1) * TILE_OVERLAP) / count)
    starts = np.linspace(0, length - part, count).round().astype(int) if count > 1 else [0]
    return [slice(int(start), int(start) + part) for start in starts]


def _reduced_window(cv2, image, from_view: Map, side: int, scale: float):
    """The part of `image` that a view shows, reduced by `scale` with area averaging, and the map into it."""
    corners = transform(np.array([[0, 0], [side - 1, side - 1]], np.float64), from_view)
    margin = 2 / scale
    left, top = np.maximum(np.floor(corners[0] - margin), 0).astype(int)
    right, bottom = np.minimum(np.ceil(corners[1] + margin).astype(int) + 1, image.shape[1::-1])
    window = image[top:bottom, left:right]
    size = tuple(max(round(edge * scale), 1) for edge in window.shape[:2])
    to_small = compose(grid_map(window.shape[:2], size), shift(-left, -top))
    return cv2.resize(window, size[::-1], interpolation=cv2.INTER_AREA), to_small


def _distinct(faces: list[Detection]) -> list[Detection]:
    """The best of faces that overlap, by score; ties by position, so that the order is always the same."""
    kept: list[Detection] = []
    for face in sorted(faces, key=lambda face: (-face.score, *face.box)):
        if all(_overlap(face.box, other.box) <= OVERLAP for other in kept):
            kept.append(face)
    return kept


def _overlap(a: Float[np.ndarray, "edges=4"], b: Float[np.ndarray, "edges=4"]) -> float:
    """Intersection over union."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = float(np.prod(np.maximum(sides, 0)))
    return common / float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - common)
