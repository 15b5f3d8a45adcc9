"""The output folder: the layout people of this field expect, names that never collide, nothing outside.

OUT/restored_imgs/a.jpg      every photograph, under its own name and in its own format
OUT/cropped_faces/a_00.png   each face as it was, aligned
OUT/restored_faces/a_00.png  and as it became
OUT/cmp/a_00.png             both side by side, on request
OUT/restored_videos/a.mp4
"""

from __future__ import annotations

import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from smlnet_jax.errors import UserError
from smlnet_jax.restoration.files import PhotoError, one_line, shown
from smlnet_jax.restoration.inputs import Source
from smlnet_jax.restoration.photo import SUFFIXES, WIDE_FORMATS

PHOTOS, CROPPED, RESTORED, COMPARED, VIDEOS = (
    "restored_imgs",
    "cropped_faces",
    "restored_faces",
    "cmp",
    "restored_videos",
)
FOLDERS = (PHOTOS, CROPPED, RESTORED, COMPARED, VIDEOS)


@dataclass(frozen=True)
class Names:
    """Where one source's results go. `faces` begins its faces' names, below their three folders."""

    main: Path
    faces: Path

    def face(self, folder: Path, index: int) -> Path:
        """The path of face `index` below `folder`."""
        return folder / self.faces.with_name(f"{self.faces.name}_{index:02d}.png")


class OutputFolder:
    """Gives out names below `root`. Two sources of one run never get the same one, whatever their suffix or
    case.

    `ext` is `auto` (as the source; PNG where that cannot be written) or a suffix without dot; `suffix` is put
    behind every name, after an underscore; `depth` 16 turns formats of 8 bits into PNG.
    """

    def __init__(self, root: Path, *, ext: str = "auto", suffix: str = "", depth: int = 8) -> None:
        if any(sign in suffix for sign in ("/", "\\", "\0")):
            raise UserError(f"--suffix {suffix!r} would name another folder; leave the slashes out")
        if depth == 16 and ext != "auto" and SUFFIXES[f".{ext}"] not in WIDE_FORMATS:
            raise UserError(f"--ext {ext} holds 8 bits a channel; for --depth 16 use png or tif")
        self.root = root
        self.ext = ext
        self.suffix = f"_{suffix}" if suffix else ""
        self.depth = depth
        self._resolved = root.resolve()
        self._taken: set[str] = set()

    def prepare(self) -> None:
        """Makes the folder and checks that it can be written. Raises UserError."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                pass
        except OSError as error:
            reason = one_line(error)
            raise UserError(f"cannot write into {shown(self.root)} ({reason}); choose another -o") from error

    def owns(self, path: Path) -> bool:
        """Whether a path, links resolved, lies where results are written."""
        try:
            resolved = path.resolve()
        except (OSError, RuntimeError):  # a link to itself
            return False
        return any(resolved.is_relative_to(self._resolved / folder) for folder in FOLDERS)

    def claim(self, source: Source, video_suffix: str = ".mp4") -> Names:
        """Names for one source. In the order of `find_sources` they are the same on every run.

        Raises PhotoError where a link would lead out of the output folder.
        """
        stem = source.place.stem + self.suffix
        kind = source.place.suffix.lstrip(".").lower()
        end = video_suffix if source.is_video else self._photo_suffix(source.place.suffix)
        top = VIDEOS if source.is_video else PHOTOS
        main = self._free(self.root / top / source.place.parent, stem, kind, end)
        faces = self._free(self.root / RESTORED / source.place.parent, stem, kind, "")
        names = Names(main, faces.relative_to(self.root / RESTORED))
        for path in (main, *(names.face(self.root / folder, 0) for folder in (CROPPED, RESTORED, COMPARED))):
            if not path.parent.resolve().is_relative_to(self._resolved):
                raise PhotoError(
                    shown(source.path), f"would be written outside {shown(self.root)}, through a link"
                )
        return names

    def _photo_suffix(self, suffix: str) -> str:
        if self.ext != "auto":
            return f".{self.ext}"
        form = SUFFIXES.get(suffix.lower())
        if form is None or (self.depth == 16 and form not in WIDE_FORMATS):
            return ".png"
        return suffix

    def _free(self, folder: Path, stem: str, kind: str, end: str) -> Path:
        """The first of stem, stem_kind, stem_kind_2, ... that nobody has.

        Case and Unicode form make no difference, as on the file systems of macOS and Windows.
        """
        attempt = stem
        number = 1
        while (key := unicodedata.normalize("NFC", str(folder / (attempt + end))).casefold()) in self._taken:
            attempt = f"{stem}_{kind}" if number == 1 else f"{stem}_{kind}_{number}"
            number += 1
        self._taken.add(key)
        return folder / (attempt + end)
