"""Generated faces, and a network small enough to compile in no time."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from smlnet_jax.data.sources import Face
from smlnet_jax.models import Output


@dataclasses.dataclass(frozen=True)
class Sharpen:
    """X plus its own 3x3 convolution; `calls` counts how often it was traced."""

    calls: list = dataclasses.field(default_factory=list, compare=False)

    def init(self):
        return {"kernel": 0.05 * jax.random.normal(jax.random.key(3), (8, 3, 3, 3)) / 3}

    def apply(self, params, x):
        self.calls.append(x.shape)
        kernel = params["kernel"].mean(0).reshape(3, 3, 1, 3)
        detail = jax.lax.conv_general_dilated(
            x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=3
        )
        return Output(sr=x + detail, fre=x)


class Generated(list):
    """An ImageSource over faces made in memory."""

    description = "generated"


@pytest.fixture
def sharpen() -> Sharpen:
    return Sharpen()


@pytest.fixture(scope="session")
def source() -> Generated:
    """Seven 32x32 pictures, smooth with some texture."""
    rng = np.random.default_rng(11)
    coarse = rng.uniform(0, 255, (7, 6, 6, 3)).astype(np.uint8)
    smooth = np.stack(
        [np.asarray(Image.fromarray(c).resize((32, 32), Image.Resampling.BICUBIC)) for c in coarse]
    )
    images = np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)
    return Generated(Face(f"{i:03d}.png", image) for i, image in enumerate(images))


@pytest.fixture
def folder(source, tmp_path):
    """The same seven as PNG files."""
    root = tmp_path / "faces" / "seven"
    root.mkdir(parents=True)
    for face in source:
        Image.fromarray(face.image).save(root / face.name)
    return root


@pytest.fixture
def uniform_mesh():
    return jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))


@dataclasses.dataclass(frozen=True)
class Broken:
    """NaN in the brightest picture of a batch."""

    def apply(self, params, x):
        brightest = x.mean((1, 2, 3), keepdims=True) == x.mean((1, 2, 3)).max()
        return Output(sr=jnp.where(brightest, jnp.nan, x))


@pytest.fixture
def broken() -> Broken:
    return Broken()
