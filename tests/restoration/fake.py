"""A restorer without a network, with the same manners."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from smlnet_jax.errors import UserError
from smlnet_jax.restoration import command
from smlnet_jax.restoration.outputs import OutputFolder
from smlnet_jax.restoration.photo import as_photo
from smlnet_jax.restoration.result import Restoration, RestoredFace


@dataclass
class FakeRestorer:
    """Halves the brightness of pictures, and finds one face in those of at least `smallest` pixels each way.

    It holds pictures back to fill a window, as the real one does for its batches.
    """

    upscale: float = 1
    window: int = 4
    smallest: int = 8
    refused: tuple[int, ...] = ()  # positions in the stream at which it answers with an error
    held: int = 0
    most_held: int = 0
    seen: int = field(default=0)

    def stream(self, items: Iterable[tuple[Any, Any]], **changes: bool) -> Iterator[tuple[Any, Any]]:
        waiting: list[tuple[Any, Any]] = []
        for key, image in items:
            self.held = len(waiting) + 1
            self.most_held = max(self.most_held, self.held)
            waiting.append((key, self._answer(image)))
            if len(waiting) == self.window:
                yield from waiting
                waiting = []
        yield from waiting

    def _answer(self, image: Any) -> Any:
        self.seen += 1
        if self.seen - 1 in self.refused:
            return UserError("the network gave no answer")
        picture = as_photo(image).pixels() / 2
        height, width = (round(side * self.upscale) for side in picture.shape[:2])
        small = np.clip(picture * 255, 0, 255).astype(np.uint8)
        picture = np.asarray(Image.fromarray(small).resize((width, height))).astype(np.float32) / 255
        faces = (self._face(),) if min(height, width) >= self.smallest else ()
        warnings = ("the face is small",) if faces else ()
        return Restoration(picture, faces, {"network": 0.01}, warnings)

    def _face(self) -> RestoredFace:
        return RestoredFace(
            box=np.array([1.0, 2.0, 9.0, 10.0]),
            landmarks=None,
            score=0.9,
            before=np.zeros((4, 4, 3), np.float32),
            after=np.ones((16, 16, 3), np.float32),
            to_crop=np.eye(2, 3),
            resolution=12,
            restored=True,
            identity=0.75,
            lr_consistency=float("inf"),
            warnings=("this face is smaller than 16 pixels",),
        )


def arguments(*given: object) -> argparse.Namespace:
    """What `smlnet restore` makes of its command line."""
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return parser.parse_args([str(one) for one in given])


def run_command(*given: object, restorer: Any = None) -> int:
    """`smlnet restore` with a restorer that needs no weights; its exit code."""
    args = arguments(*given)
    folder = OutputFolder(args.output, ext=args.ext, suffix=args.suffix, depth=args.depth)
    return command.restore_all(restorer or FakeRestorer(upscale=args.upscale), args, folder)
