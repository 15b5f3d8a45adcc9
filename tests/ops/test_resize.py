"""The X of every network is the bicubic that papers enlarge with."""

import numpy as np
import pytest
from PIL import Image

from smlnet_jax.ops.resize import upsample


@pytest.mark.parametrize("scale", [2, 4, 8, 16])
def test_upsample_is_pillows_bicubic_without_its_roundings(scale):
    lr = np.random.default_rng(scale).random((2, 128 // scale, 128 // scale, 3), np.float32)
    expected = np.stack(
        [
            [
                np.asarray(Image.fromarray(plane).resize((128, 128), Image.Resampling.BICUBIC))
                for plane in planes
            ]
            for planes in lr.transpose(0, 3, 1, 2)
        ]
    ).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(upsample(lr, 128), expected, atol=2e-6)
