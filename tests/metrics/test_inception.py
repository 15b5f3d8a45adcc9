"""Networks of a few bytes: ONNX files written by hand, since nothing here can write them."""

import sys
import types

import numpy as np
import pytest

from smlnet_jax.errors import UserError
from smlnet_jax.metrics.inception import Inception

pytest.importorskip("onnxruntime")

FLOAT, DOUBLE = 1, 11


def field(number: int, value: int | str | bytes) -> bytes:
    """One field of a protocol buffer: a varint or a string."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    low = bytes([value & 0x7F | (0x80 if value > 0x7F else 0)])
    return low + varint(value >> 7) if value > 0x7F else low


def tensor(name: str, shape, kind: int) -> bytes:
    """ValueInfoProto; a side that is a word may have any length."""
    sides = b"".join(field(1, field(1 if isinstance(side, int) else 2, side)) for side in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, sides)))


def onnx(
    path, operator="GlobalAveragePool", takes=("n", 3, "h", "w"), gives=("n", 3, 1, 1), kind=FLOAT, inputs=1
):
    """One operator on the input; further inputs are added to it before."""
    names = [f"images{i or ''}" for i in range(inputs)]
    node = b"".join(field(1, name) for name in names) + field(2, "features") + field(4, operator)
    graph = field(1, node) + field(2, "tiny")
    graph += b"".join(field(11, tensor(name, takes, kind)) for name in names)
    graph += field(12, tensor("features", gives, kind))
    path.write_bytes(field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13)))
    return path


def test_features_are_the_networks_of_pictures_in_0_to_1(tmp_path):
    network = Inception(onnx(tmp_path / "mean.onnx"))
    for shape in ((2, 16, 24, 3), (5, 9, 9, 3)):
        images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        features = network(images)
        assert features.shape == (shape[0], 3)
        np.testing.assert_allclose(features, images.mean((1, 2)) / 255, rtol=1e-5)


def test_network_that_fails_or_gives_no_numbers_is_one_sentence(tmp_path, monkeypatch):
    def fails(*_):
        raise RuntimeError("a kernel that\ndoes not fit")

    broken = Inception(onnx(tmp_path / "broken.onnx"))
    monkeypatch.setattr(broken, "_session", types.SimpleNamespace(run=fails))
    with pytest.raises(
        UserError, match=r"broken\.onnx does not run on images of 6x5 \(a kernel that does not"
    ):
        broken(np.zeros((1, 5, 6, 3), np.uint8))
    nothing = Inception(onnx(tmp_path / "log.onnx", operator="Log", takes=("n", 3, 1, 1)))
    with pytest.raises(UserError, match=r"log\.onnx gives features that are not finite"):
        nothing(np.zeros((1, 1, 1, 3), np.uint8))


def test_image_of_another_size_than_the_network_takes_is_refused_not_resized(tmp_path):
    network = Inception(onnx(tmp_path / "fixed.onnx", takes=("n", 3, 20, 16)))
    assert network(np.zeros((2, 20, 16, 3), np.uint8)).shape == (2, 3)
    with pytest.raises(
        UserError, match="takes images of 16x20, not 20x16; export it with a resize of its own"
    ):
        network(np.zeros((2, 16, 20, 3), np.uint8))


@pytest.mark.parametrize(
    ("graph", "sentence"),
    [
        (
            {"takes": ("n", 1, "h", "w"), "gives": ("n", 1, 1, 1)},
            r"takes images tensor.float. \['n', 1, 'h', 'w'\]",
        ),
        (
            {"takes": (4, 3, "h", "w"), "gives": (4, 3, 1, 1)},
            r"takes images tensor.float. \[4, 3, 'h', 'w'\]",
        ),
        (
            {"operator": "Relu", "takes": ("n", 3, 1, 1), "kind": DOUBLE},
            r"takes images tensor.double. \['n', 3, 1, 1\]",
        ),
        (
            {"operator": "Add", "inputs": 2, "gives": ("n", 3, "h", "w")},
            "takes images tensor.*, images1 tensor",
        ),
        (
            {"operator": "Relu", "gives": ("n", 3, "h", "w")},
            r"gives features tensor.float. \['n', 3, 'h', 'w'\]",
        ),
    ],
)
def test_network_of_another_form_is_named(graph, sentence, tmp_path):
    with pytest.raises(UserError, match=f"other.onnx {sentence}"):
        Inception(onnx(tmp_path / "other.onnx", **graph))


def test_file_that_is_missing_or_no_network_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none.onnx is not there"):
        Inception(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("not a network")
    with pytest.raises(UserError, match=r"text.onnx is no ONNX file") as caught:
        Inception(tmp_path / "text.onnx")
    assert "\n" not in str(caught.value)


def test_missing_onnxruntime_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match="pip install onnxruntime"):
        Inception(tmp_path / "any.onnx")
