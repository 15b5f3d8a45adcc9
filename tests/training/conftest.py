"""Generated faces as files, and compiled programs that the tests share."""

import os

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache
from PIL import Image

from smlnet_jax.models import Model
from smlnet_jax.training import loop
from smlnet_jax.training.step import Images
from tests.training.bench import Three, generated_faces, generated_images
from tests.training.command import Command


@pytest.fixture(scope="session", autouse=True)
def compilation_cache_folder(tmp_path_factory):
    """Runs that are stopped and started again compile the same program: once a session is enough."""
    own = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    folder = own or str(tmp_path_factory.mktemp("compiled"))
    before = {
        name: getattr(jax.config, name)
        for name in ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    }
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    compilation_cache.reset_cache()  # JAX decides once whether there is a cache; perhaps it already has
    yield folder
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@pytest.fixture(scope="session")
def images() -> Images:
    return generated_images()


@pytest.fixture(scope="session")
def faces_folder(tmp_path_factory):
    """Twelve generated faces as PNG files."""
    root = tmp_path_factory.mktemp("generated") / "faces"
    root.mkdir()
    for i, face in enumerate(generated_faces(12)):
        Image.fromarray(face).save(root / f"{i:03d}.png")
    return root


@pytest.fixture(scope="session")
def small_network():
    """The loop trains three convolutions: which network it is makes no difference to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "create", lambda config: Model(config, Three))
        yield


@pytest.fixture(scope="session")
def command(faces_folder, compilation_cache_folder):
    return Command(faces_folder, compilation_cache_folder)


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Puts stand-ins first on PATH, by name and text."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def put(**texts: str) -> None:
        for name, text in texts.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    return put
