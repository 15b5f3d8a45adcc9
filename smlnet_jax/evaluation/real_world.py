"""Whole photographs: what restoration does to real faces, with and without a truth; docs/real_world.md.

Without it, each restored face is judged by what can be measured: the detector's score, a blur metric,
whether SFace sees the same person, whether the result shows the LR face, and whether a seam is left. With
it, a portrait is shrunk, restored whole to its old size, and its face compared with the original, beside
Lanczos enlargement.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float

from smlnet_jax.config import Config
from smlnet_jax.data.sources import image_files
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation import datasets, weights
from smlnet_jax.evaluation.run import refused
from smlnet_jax.files import write_json
from smlnet_jax.metrics.psnr import psnr
from smlnet_jax.metrics.ssim import ssim
from smlnet_jax.models import Model
from smlnet_jax.restoration.align import canonical_landmarks, crop, photo_to_crop
from smlnet_jax.restoration.detect import Detection, Detector, YuNet
from smlnet_jax.restoration.identity import SFace
from smlnet_jax.restoration.paste import enlarge, soft_mask
from smlnet_jax.restoration.photo import SUFFIXES, Photo, quantize, read_photo
from smlnet_jax.restoration.resample import compose, grid_map, invert, resize
from smlnet_jax.restoration.restorer import Restorer
from smlnet_jax.restoration.result import Restoration, RestoredFace

SIZE = 128  # side of the canonical crop on which faces are compared
PROTOCOL = "basicsr"
ENLARGE = 2  # photographs without truth are enlarged by this, so that faces show what was restored
SHRINK = 4  # portraits are shrunk by this: PIL bicubic, rounded to 8 bits


@dataclass(frozen=True)
class FaceScores:
    """One restored face without truth. Scores are before and after, of the canonical crop."""

    photograph: str
    resolution: int  # pixels across that the photograph shows of the crop
    detector: tuple[float, float]  # YuNet's score; 0 if it sees no face
    blur: tuple[float, float]  # 0 sharp, 1 blurred (Crete et al. 2007, as in scikit-image)
    identity: float  # cosine between before and after
    lr_consistency: float  # PSNR in dB of the LR face
    seam: float  # gradient across the paste boundary, over the same ring's in the photograph; 1: none to see


@dataclass(frozen=True)
class PortraitScores:
    """One portrait that was shrunk: Lanczos and restoration against the original, on the canonical crop."""

    photograph: str
    resolution: int  # pixels across the crop after shrinking
    psnr: tuple[float, float]
    ssim: tuple[float, float]
    identity: tuple[float, float]


def score_photographs(
    restorer: Restorer,
    photographs: Iterable[tuple[str, Photo]],
    *,
    detector: Detector,
    upscale: float = ENLARGE,
) -> Iterator[FaceScores]:
    """Restores photographs and scores every face that was restored, in order."""
    for (name, photo), result in restorer.stream(
        (((name, photo), photo) for name, photo in photographs), upscale=upscale
    ):
        if isinstance(result, UserError):
            raise result
        source = enlarge(photo.pixels(), upscale)
        for face in result.faces:
            if face.restored:
                yield _face_scores(name, face, photo, source, result, detector)


def score_portraits(
    restorer: Restorer, photographs: Iterable[tuple[str, Photo]], *, detector: Detector
) -> Iterator[PortraitScores]:
    """Shrinks portraits by SHRINK, restores them whole, and compares the best face of each with the original.

    A portrait without a face, or whose face is not found again once it is small, is skipped.
    """
    sface = SFace()
    compare = jax.jit(lambda a, b: (psnr(a, b, PROTOCOL), ssim(a, b, PROTOCOL)))
    for name, photo in photographs:
        truth = _divisible(photo.pixels(), SHRINK)
        found = detector(quantize(truth))
        small = quantize(resize(truth, truth.shape[0] // SHRINK, truth.shape[1] // SHRINK))
        result = restorer(small, upscale=SHRINK)
        restored = _same_face(found[0], result.faces) if found else None
        if restored is None:
            continue
        to_crop = photo_to_crop(found[0].landmarks, SIZE)
        lanczos = enlarge(small.astype(np.float32) / 255, SHRINK)
        face, plain, sr = (crop(image, to_crop, SIZE) for image in (truth, lanczos, result.image))
        scores = [compare(image[None], face[None]) for image in (plain, sr)]
        places = canonical_landmarks(SIZE)
        yield PortraitScores(
            photograph=name,
            resolution=restored.resolution,
            psnr=(float(scores[0][0][0]), float(scores[1][0][0])),
            ssim=(float(scores[0][1][0]), float(scores[1][1][0])),
            identity=(sface.similarity(plain, face, places), sface.similarity(sr, face, places)),
        )


def seam_ratio(
    source: Float[np.ndarray, "h w 3"],
    restored: Float[np.ndarray, "h w 3"],
    mask: Float[np.ndarray, "h w"],
) -> float:
    """Mean gradient across the paste boundary, over the same ring's in the source: a visible seam is above 1.

    The boundary is where the mask fades; the gradient is taken of luma, along the mask's own gradient.
    """
    down, right = np.gradient(mask)
    length = np.hypot(down, right)
    ring = fading(mask) & (length > 0)
    if not ring.any():
        return 1.0

    def across(image: Float[np.ndarray, "h w 3"]) -> float:
        rows, columns = np.gradient(image @ np.array([0.299, 0.587, 0.114], np.float32))
        return float(np.abs((rows * down + columns * right)[ring] / length[ring]).mean())

    return (across(restored) + 1e-6) / (across(source) + 1e-6)


def fading(mask: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The outer half of the mask's ramp, where a seam would be."""
    return (mask > 0.001) & (mask < 0.5)


def run(config: Config, workdir: Path) -> int:
    """Scores `config.eval.weights` on `config.eval.photos` and `config.eval.portraits`; the exit code.

    Prints the means and writes every face's scores into real_world.json. Raises `UserError` for folders,
    photographs or weights that cannot be used, and, before anything is restored, for a workdir that cannot
    be.
    """
    if config.eval.data:
        raise UserError(
            "eval.data is of aligned faces, and is scored in a run of its own; leave it out, or eval.photos "
            "and eval.portraits"
        )
    if config.eval.photos and importlib.util.find_spec("skimage") is None:
        raise UserError("blur is measured by a package that is not installed; pip install scikit-image")
    photos, portraits = (
        datasets.parse(text) if text else {} for text in (config.eval.photos, config.eval.portraits)
    )
    if both := photos.keys() & portraits.keys():
        raise UserError(
            f"eval.photos and eval.portraits both have {min(both)}; call one of them otherwise, as in "
            "NAME=FOLDER"
        )
    first = slice(config.eval.limit or None)
    files = {
        score: {name: photographs_in(Path(folder).expanduser())[first] for name, folder in folders.items()}
        for score, folders in ((score_photographs, photos), (score_portraits, portraits))
    }
    loaded = weights.load(config.eval.weights, workdir, self_ensemble=config.eval.self_ensemble)
    used = weights.on_lr(loaded, config.data.scale, "pil_bicubic").model
    if not isinstance(used, Model):
        raise UserError(
            f"--config.eval.weights={loaded.label} is no network; name a workdir or pretrained weights"
        )
    for note in weights.trained_otherwise(loaded, scale=config.data.scale):
        print(f"note: {note}", file=sys.stderr)
    with refused(workdir):
        workdir.mkdir(parents=True, exist_ok=True)
    detector = YuNet()
    restorer = Restorer(
        used,
        loaded.params,
        size=config.data.size,
        scale=config.data.scale,
        detector=detector,
        self_ensemble=False,  # the model is one where the config asks for it
    )
    found: dict[str, Any] = {}
    for score, sets in files.items():
        for name, photographs in sets.items():
            scores = score(restorer, read_all(photographs), detector=detector)
            rows = [dataclasses.asdict(row) for row in scores]
            found[name] = {
                "photographs": len(photographs),
                "faces": len(rows),
                "mean": mean_scores(rows),
                "rows": rows,
            }
            print(table({name: found[name]}), end="\n\n", flush=True)
            written = write(found, loaded.label, workdir)  # of the sets so far: the next may take hours
    print(f"written: {written}")
    return 0


def mean_scores(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean of every number, pair by pair; the seam's ratio also by its worst face."""
    if not rows:
        return {}
    columns = {key: [row[key] for row in rows] for key in rows[0] if key != "photograph"}
    means = {key: np.mean(values, axis=0).round(4).tolist() for key, values in columns.items()}
    if "seam" in columns:
        means["worst_seam"] = round(max(columns["seam"]), 4)
    return means


def table(found: dict[str, Any]) -> str:
    """The means as text: one line a set and score, before (or Lanczos) -> after."""
    lines = []
    for name, scores in found.items():
        lines.append(f"{name}: {scores['faces']} faces of {scores['photographs']} photographs")
        for key, value in scores["mean"].items():
            shown = f"{value[0]:.3f} -> {value[1]:.3f}" if isinstance(value, list) else f"{value:.3f}"
            lines.append(f"  {key:<16}{shown}")
    return "\n".join(lines)


def write(found: dict[str, Any], label: str, workdir: Path) -> Path:
    """Writes real_world.json into `workdir`, whole or not at all; returns its path."""
    path = workdir / "real_world.json"
    write_json(path, {"weights": label, "sets": found})
    return path


def photographs_in(folder: Path) -> list[Path]:
    """Files with a picture's suffix below a folder, sorted. Raises UserError where there are none."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; name one that holds photographs")
    files = image_files(folder, SUFFIXES)
    if not files:
        raise UserError(f"{folder} holds no photographs; name a folder with {', '.join(SUFFIXES)} files")
    return files


def read_all(files: Iterable[Path]) -> Iterator[tuple[str, Photo]]:
    for file in files:
        yield file.name, read_photo(file)


def _face_scores(
    name: str,
    face: RestoredFace,
    photo: Photo,
    source: Float[np.ndarray, "h w 3"],
    result: Restoration,
    detector: Detector,
) -> FaceScores:
    from skimage.measure import blur_effect

    to_canvas = compose(grid_map(photo.rgb.shape[:2], source.shape[:2]), invert(face.to_crop))
    size = face.after.shape[0]
    whole = slice(0, source.shape[0]), slice(0, source.shape[1])
    before, after = face.before, face.after
    return FaceScores(
        photograph=name,
        resolution=face.resolution,
        detector=(_best_score(detector, before), _best_score(detector, after)),
        blur=(float(blur_effect(before, channel_axis=2)), float(blur_effect(after, channel_axis=2))),
        identity=math.nan if face.identity is None else face.identity,
        lr_consistency=face.lr_consistency,
        seam=seam_ratio(source, result.image, soft_mask(*whole, size, to_canvas)),
    )


def _best_score(detector: Detector, face: Float[np.ndarray, "n n 3"]) -> float:
    return max((found.score for found in detector(quantize(face))), default=0.0)


def _same_face(wanted: Detection, faces: Sequence[RestoredFace]) -> RestoredFace | None:
    """The restored face nearest to one in the original, if it is nearer than half a face."""

    def distance(face: RestoredFace) -> float:
        centre = (face.box[:2] + face.box[2:]) / 2
        return float(np.abs((centre + 0.5) * SHRINK - 0.5 - wanted.centre).max())

    nearest = min(faces, key=distance, default=None)
    return nearest if nearest is not None and distance(nearest) < wanted.width / 2 else None


def _divisible(image: Float[np.ndarray, "h w 3"], by: int) -> Float[np.ndarray, "h w 3"]:
    return image[: image.shape[0] // by * by, : image.shape[1] // by * by]
