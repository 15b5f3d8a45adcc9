"""`Restorer`: a photograph in, a restored photograph out; many at a time, each step in its own file."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from smlnet_jax.compilation import keep_compilations
from smlnet_jax.errors import UserError
from smlnet_jax.models import Model, SelfEnsemble
from smlnet_jax.models.model import Params
from smlnet_jax.restoration import remarks
from smlnet_jax.restoration.align import canonical_landmarks, crop, photo_to_crop
from smlnet_jax.restoration.consistency import AlignedFace, aligned_face, consistent, lr_consistency
from smlnet_jax.restoration.detect import Detection, Detector, YuNet
from smlnet_jax.restoration.identity import SFace
from smlnet_jax.restoration.paste import enlarge, paste
from smlnet_jax.restoration.photo import MAX_PIXELS, Photo, as_photo
from smlnet_jax.restoration.resample import Map, compose, grid_map, invert, resize, scale_of, transform
from smlnet_jax.restoration.result import Restoration, RestoredFace
from smlnet_jax.restoration.superresolve import BUCKETS, SuperResolver

Picture = Photo | Image.Image | np.ndarray | str | os.PathLike | bytes
Key = TypeVar("Key")

# For faces of less than 16 pixels, of 16 to 31, and of 32 or more.
BY_SIZE = ("smlnet_lite_x16", "smlnet_lite_x8", "smlnet_lite_x4")
LOOKAHEAD_PHOTOS = BUCKETS[-1]  # photographs that are held back to fill a batch,
LOOKAHEAD_PIXELS = 32_000_000  # as long as they are not more than this together


@dataclass(frozen=True)
class Settings:
    """What to do with a photograph."""

    upscale: float = 1.0  # enlarge the whole photograph
    aligned: bool = False  # it is a square crop of one face, of any size, or an LR face
    only_center_face: bool = False  # restore the face nearest to the middle, and no other
    fidelity: float = 1.0  # 1: what the photograph shows is kept; 0: the network alone, on sharp faces too
    identity: bool = True  # compare the person before and after

    def __post_init__(self) -> None:
        if not 1 <= self.upscale <= 16:
            raise UserError(f"upscale={self.upscale:g} must lie between 1 and 16")
        if not 0 <= self.fidelity <= 1:
            raise UserError(
                f"fidelity={self.fidelity:g} must lie between 0 (the network) and 1 (the photograph)"
            )


@dataclass(eq=False)
class _Face:
    """A face between its photograph and the network."""

    aligned: AlignedFace
    to_crop: Map
    box: Float[np.ndarray, "edges=4"]
    landmarks: Float[np.ndarray, "5 2"] | None  # in the photograph
    score: float | None
    remarks: list[str]
    restore: bool
    crop: Float[np.ndarray, "n n 3"]  # what is shown as `before`
    sr: Float[np.ndarray, "size size 3"] | None = None


@dataclass(eq=False)
class _Job:
    """A photograph whose faces wait for the network."""

    photo: Photo
    faces: list[_Face]
    seconds: dict[str, float] = field(default_factory=dict)


class Restorer:
    """Restores the faces of photographs, with one network or one for each of several LR sizes.

    `restorer(image)` restores one, `restorer.batch(images)` a list, `restorer.stream(items)` any number in
    constant memory. An image is a path, the bytes of a file, a PIL picture, an array (see `photo.as_photo`)
    or a Photo. `Settings` given to the constructor hold for every photograph; each call may override them.
    `others` are (model, params, scale) of more networks with the same output size: each face gets the one of
    the largest LR size that its photograph shows in full. With `self_ensemble` they see every face and its
    mirror image: twice the network's operations, which are a small part of what a photograph takes.
    """

    def __init__(
        self,
        model: Model,
        params: Params,
        *,
        size: int = 128,
        scale: int = 8,
        others: Iterable[tuple[Model, Params, int]] = (),
        self_ensemble: bool = True,
        detector: Detector | None = None,
        max_pixels: int = MAX_PIXELS,
        **settings: Any,
    ) -> None:
        self.settings = _changed(Settings(), settings)
        self.max_pixels = max_pixels
        self.size = size
        self.networks: dict[int, SuperResolver] = {}  # by LR size
        for each, weights, factor in ((model, params, scale), *others):
            if size // factor in self.networks:
                raise UserError(f"two networks are for x{factor}; name one for each scale")
            each = SelfEnsemble.of(each) if self_ensemble else each
            self.networks[size // factor] = SuperResolver(each, weights, size=size, scale=factor)
        self._detect = detector or YuNet()
        self._sface: SFace | None = None

    @classmethod
    def from_pretrained(cls, *names: str | os.PathLike | None, **options: Any) -> Restorer:
        """A restorer with pretrained weights: names or folders, by default those of the package in BY_SIZE.

        `options` are the constructor's. Compiled networks are kept on disk from here on. Raises UserError for
        two of one scale, and for weights of different output sizes.
        """
        from smlnet_jax.export.pretrained import available, load_pretrained

        keep_compilations()
        if names in ((), (None,)):
            known = available()
            names = tuple(name for name in BY_SIZE if name in known) or (None,)
        first, *others = map(load_pretrained, names)
        for other in others:
            if other.card.size != first.card.size:
                raise UserError(
                    f"{first.card.name} restores to {first.card.size} pixels and {other.card.name} to "
                    f"{other.card.size}; name weights of one size"
                )
        return cls(
            first.model,
            first.params,
            size=first.card.size,
            scale=first.card.scale,
            others=[(other.model, other.params, other.card.scale) for other in others],
            **options,
        )

    def __call__(self, image: Picture, **changes: Any) -> Restoration:
        """Restores one photograph. Raises UserError where it cannot be read."""
        return self.batch([image], **changes)[0]

    def batch(self, images: Iterable[Picture], **changes: Any) -> list[Restoration]:
        """Restores photographs, in order. Raises the UserError of the first that cannot be read."""
        results = []
        for _, result in self.stream(((None, image) for image in images), **changes):
            if isinstance(result, UserError):
                raise result
            results.append(result)
        return results

    def stream(
        self, items: Iterable[tuple[Key, Picture]], **changes: Any
    ) -> Iterator[tuple[Key, Restoration | UserError]]:
        """Restores (key, image) after (key, image), in order; a UserError stands for one that cannot be.

        Up to LOOKAHEAD_PHOTOS are taken from `items` before the first is yielded: their faces share batches.
        """
        settings = _changed(self.settings, changes)
        waiting: deque[tuple[Key, _Job | UserError]] = deque()
        faces = pixels = 0
        for key, image in items:
            job = self._prepare(image, settings)
            waiting.append((key, job))
            if isinstance(job, _Job):
                faces += sum(face.restore for face in job.faces)
                pixels += job.photo.rgb.shape[0] * job.photo.rgb.shape[1]
            if faces >= BUCKETS[-1] or len(waiting) >= LOOKAHEAD_PHOTOS or pixels >= LOOKAHEAD_PIXELS:
                yield from self._finish(waiting, settings)
                faces = pixels = 0
        yield from self._finish(waiting, settings)

    def _prepare(self, image: Picture, settings: Settings) -> _Job | UserError:
        """Everything up to the network."""
        clock = _Clock()
        try:
            photo = as_photo(image, max_pixels=self.max_pixels)
            clock.lap("read")
            if settings.aligned:
                faces = [self._only_face(photo, settings)]
                return _Job(photo, faces, clock.lap("detect"))
        except UserError as error:
            return error
        found = self._detect(_eight_bits(photo.rgb))
        if settings.only_center_face and found:
            found = [min(found, key=lambda face: float(np.abs(face.centre - _middle(photo.rgb)).sum()))]
        clock.lap("detect")
        return _Job(photo, [self._face(photo, face, settings) for face in found], clock.lap("align"))

    def _face(self, photo: Photo, found: Detection, settings: Settings) -> _Face:
        size = self.size
        to_crop = photo_to_crop(found.landmarks, size)

        def crop_at(side: int) -> Float[np.ndarray, "n n 3"]:
            return crop(photo.rgb, compose(grid_map((size, size), (side, side)), to_crop), side)

        aligned = aligned_face(crop_at, size / scale_of(to_crop), size=size, lr_sizes=self.networks)
        restore = settings.fidelity < 1 or not aligned.is_sharp
        notes = [
            *remarks.on_size(aligned, left_alone=not restore),
            *remarks.on_pose(found.landmarks, to_crop, photo.rgb.shape[:2], size),
        ]
        return _Face(
            aligned, to_crop, found.box, found.landmarks, found.score, notes, restore, aligned.before
        )

    def _only_face(self, photo: Photo, settings: Settings) -> _Face:
        """The face of a picture that is its crop."""
        height, width = photo.rgb.shape[:2]
        if height != width:
            raise UserError(
                f"the picture is {width}x{height}, and a crop of a face must be square; crop it, or leave "
                "--aligned out"
            )
        size = self.size
        image = photo.pixels()
        aligned = aligned_face(
            lambda side: np.clip(resize(image, side, side), 0, 1),
            width,
            size=size,
            lr_sizes=self.networks,
        )
        restore = settings.fidelity < 1 or not aligned.is_sharp
        notes = list(remarks.on_size(aligned, left_alone=not restore))
        to_crop = grid_map((height, width), (size, size))
        seen = self._detect(_eight_bits(aligned.before))
        nearest = min(seen, key=lambda face: float(np.abs(face.centre - size / 2).sum()), default=None)
        if nearest is not None:
            notes.extend(remarks.on_crop(nearest.landmarks, size, width))
        box = np.array([-0.5, -0.5, width - 0.5, height - 0.5])
        landmarks = None if nearest is None else transform(nearest.landmarks, invert(to_crop))
        score = None if nearest is None else nearest.score
        return _Face(aligned, to_crop, box, landmarks, score, notes, restore, image)

    def _finish(
        self, waiting: deque[tuple[Key, _Job | UserError]], settings: Settings
    ) -> Iterator[tuple[Key, Restoration | UserError]]:
        """The networks over all faces that wait, then one result after the other; empties `waiting`."""
        faces = [face for _, job in waiting if isinstance(job, _Job) for face in job.faces if face.restore]
        clock = _Clock()
        for lr_size, network in self.networks.items():
            own = [face for face in faces if face.aligned.lr.shape[0] == lr_size]
            for face, sr in zip(own, network([face.aligned.lr for face in own]), strict=True):
                face.sr = sr
        each = clock.lap("network")["network"] / max(len(faces), 1)
        while waiting:
            key, job = waiting.popleft()
            if isinstance(job, _Job):
                job.seconds["network"] = each * sum(face.restore for face in job.faces)
                yield key, self._result(job, settings)
            else:
                yield key, job

    def _result(self, job: _Job, settings: Settings) -> Restoration:
        clock = _Clock(job.seconds)
        faces = tuple(self._restored(face, settings) for face in job.faces)
        clock.lap("compare")
        if settings.aligned:
            image = _enlarged_crop(job, faces[0], settings.upscale)
            return Restoration(image, faces, clock.lap("paste"), faces[0].warnings)
        image = enlarge(job.photo.pixels(), settings.upscale)
        to_canvas = grid_map(job.photo.rgb.shape[:2], image.shape[:2])
        # The smallest comes on top: a large one's mask reaches beyond it, and over a small neighbour's face.
        restored = sorted((face for face in faces if face.restored), key=lambda face: -scale_of(face.to_crop))
        free = np.ones(image.shape[:2], np.float32) if len(restored) > 1 else None
        for face in restored:
            paste(image, face.before, face.after, compose(to_canvas, invert(face.to_crop)), free)
        return Restoration(image, faces, clock.lap("paste"), self._warnings(job, faces, settings))

    def _restored(self, face: _Face, settings: Settings) -> RestoredFace:
        aligned = face.aligned
        after = aligned.before if face.sr is None else consistent(face.sr, aligned, settings.fidelity)
        cosine = self._identity(face, after) if settings.identity else None
        return RestoredFace(
            box=face.box,
            landmarks=face.landmarks,
            score=face.score,
            before=face.crop,
            after=after,
            to_crop=face.to_crop,
            resolution=aligned.resolution,
            restored=face.restore,
            identity=cosine,
            lr_consistency=lr_consistency(after, aligned.lr),
            warnings=(*face.remarks, *remarks.on_identity(cosine, aligned)),
        )

    def _identity(self, face: _Face, after: Float[np.ndarray, "size size 3"]) -> float:
        """Cosine of the person before and after, at the same landmarks."""
        if not face.restore:
            return 1.0
        if self._sface is None:
            self._sface = SFace()
        size = self.size
        landmarks = (
            canonical_landmarks(size) if face.landmarks is None else transform(face.landmarks, face.to_crop)
        )
        return self._sface.similarity(face.aligned.before, after, landmarks)

    def _warnings(self, job: _Job, faces: tuple[RestoredFace, ...], settings: Settings) -> tuple[str, ...]:
        if not faces:
            return (remarks.NO_FACE,)
        spans = [face.aligned.span for face in job.faces if face.restore]
        own = tuple(dict.fromkeys(warning for face in faces for warning in face.warnings))
        return (*own, *remarks.on_canvas(spans, self.size, settings.upscale))


class _Clock:
    """Seconds by step, into a dict."""

    def __init__(self, seconds: dict[str, float] | None = None) -> None:
        self._seconds = {} if seconds is None else seconds
        self._last = time.perf_counter()

    def lap(self, step: str) -> dict[str, float]:
        """Books the time since the last lap; returns all laps."""
        now = time.perf_counter()
        self._seconds[step] = self._seconds.get(step, 0.0) + now - self._last
        self._last = now
        return self._seconds


def _changed(settings: Settings, changes: dict[str, Any]) -> Settings:
    unknown = changes.keys() - Settings.__dataclass_fields__.keys()
    if unknown:
        raise TypeError(
            f"unknown settings {sorted(unknown)}; known: {', '.join(Settings.__dataclass_fields__)}"
        )
    return replace(settings, **changes)


def _enlarged_crop(job: _Job, face: RestoredFace, upscale: float) -> Float[np.ndarray, "n n 3"]:
    """The picture of an aligned face: the network's size, or the input's enlarged where that is larger."""
    size, source = face.after.shape[0], job.photo.pixels()
    side = round(source.shape[0] * upscale)
    if side <= size and face.restored:
        return face.after
    canvas = enlarge(source, upscale)
    if face.restored:
        canvas += resize(face.after - job.faces[0].aligned.before, side, side)
    return np.clip(canvas, 0, 1)


def _middle(rgb: np.ndarray) -> Float[np.ndarray, "xy=2"]:
    return (np.array(rgb.shape[1::-1]) - 1) / 2


def _eight_bits(rgb: np.ndarray) -> UInt8[np.ndarray, "h w 3"]:
    if rgb.dtype == np.uint8:
        return rgb
    if rgb.dtype == np.uint16:
        return (rgb // 257).astype(np.uint8)
    return np.rint(rgb * 255).astype(np.uint8)
