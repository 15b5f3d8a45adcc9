"""Pictures to read: generated ones everywhere, real faces where they are at hand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WriteFace = Callable[..., Path]


@pytest.fixture(scope="session")
def write_face() -> WriteFace:
    """Writes a picture that depends on `seed`, smooth enough for JPEG, and returns its path."""

    def write(file: Path, width: int = 128, height: int | None = None, seed: int = 0, **options) -> Path:
        small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
        picture = Image.fromarray(small).resize((width, height or width), Image.Resampling.BICUBIC)
        file.parent.mkdir(parents=True, exist_ok=True)
        picture.save(file, **options)
        return file

    return write


@pytest.fixture(scope="session", params=["generated", "real"])
def faces128(request, tmp_path_factory, write_face) -> Path:
    """A folder of 128x128 faces: 11 that are generated, and real ones."""
    if request.param == "real":
        return request.getfixturevalue("faces") / "celeba" / "val"
    folder = tmp_path_factory.mktemp("faces")
    for seed in range(11):
        write_face(folder / f"{seed:02d}.{('png', 'jpg')[seed % 2]}", seed=seed)
    return folder


@pytest.fixture
def divided(tmp_path, write_face) -> Path:
    """train/ of 6, val/ and test/ of 2 generated faces of 32x32, every one another file."""
    names = (*(f"train/{name}" for name in "abcdef"), "val/g", "val/h", "test/i", "test/j")
    for seed, name in enumerate(names):
        write_face(tmp_path / "faces" / f"{name}.png", 32, seed=seed)
    return tmp_path / "faces"
