"""A small network with random weights, made without compiling anything."""

import jax
import numpy as np
import pytest

from smlnet_jax.export.card import Card
from smlnet_jax.models import Model, Params, create


@pytest.fixture(scope="session")
def model() -> Model:
    return create("smlnet_test")


@pytest.fixture(scope="session")
def params(model: Model) -> Params:
    random = np.random.default_rng(0)
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    return jax.tree.map(lambda leaf: random.normal(0, 0.1, leaf.shape).astype(np.float32), shapes)


@pytest.fixture
def card(model: Model) -> Card:
    return Card("tiny_x8", model.config, size=64)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees the weights of the person who runs it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
