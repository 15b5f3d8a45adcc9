import json
import re

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from smlnet_jax.cli import main
from smlnet_jax.evaluation import weights
from smlnet_jax.figures import gates, page


@pytest.fixture
def known(monkeypatch, tiny, dual, brighter):
    """What the names of weights mean here; the working folder is left as it is."""
    loaded = {
        "tiny": tiny,
        "both": (dual, dual.init()),
        "one": (brighter, jnp.float32(0.05)),
        "bicubic": (None, {}),
    }
    data = {"both": {"scale": 4}, "one": {"lr_kernel": "blind"}}  # what they were trained on
    monkeypatch.setattr(
        weights, "load", lambda what, _: weights.Loaded(what, *loaded[what], data.get(what, {}))
    )


def _draw(folder, out, *more, networks=("one",)) -> int:
    size = ["--size=32", "--scale=4", "--images=2"]
    return main(["figures", *networks, str(folder), "-o", str(out), *size, *more])


def test_network_of_two_branches_gets_every_figure(folder, tmp_path, known, capsys, monkeypatch):
    maps = {f"{part}.msim.interact.gates": np.full((2, 2, 4, 4), 0.3) for part in ("decoder.0", "neck")}
    monkeypatch.setattr(gates, "_compute", lambda model, params, lr, size: maps)
    assert _draw(folder, tmp_path / "new" / "out", networks=["both"]) == 0
    out = tmp_path / "new" / "out"
    pictures = {path.stem for path in out.glob("*.png")}
    assert pictures == {"comparison", "errors", "spectra", "bands", "branches_both", "gates_both"}
    assert (out / "bands.svg").read_text().startswith("<?xml") and (out / "bands.pdf").read_bytes()[
        :4
    ] == b"%PDF"
    told = capsys.readouterr()
    assert str(out / "index.html") in told.out and "note" not in told.err

    page = (out / "index.html").read_text()
    assert len(re.findall('src="data:image/webp', page)) == 6 and "http" not in page
    assert "x4, LR of 8x8 by pil_bicubic, HR of 32x32" in page
    numbers = json.loads((out / "figures.json").read_text())
    assert numbers["n"] == 5 and numbers["shown"] == ["0.png", "1.png"] and not numbers["left_out"]
    assert set(numbers["figures"]["branches_both"]["loss"]) == {"frequency branch", "spatial blocks", "MSIM"}
    assert set(numbers["figures"]["comparison"]["psnr"]) == {"bicubic", "I_fre", "I_spa"}
    assert numbers["figures"]["gates_both"] == {"mean": {"neck": [0.3, 0.3], "decoder 1": [0.3, 0.3]}}


@pytest.mark.slow
def test_real_network_of_two_branches_is_drawn(folder, tmp_path, known):
    assert _draw(folder, tmp_path, networks=["tiny"]) == 0
    numbers = json.loads((tmp_path / "figures.json").read_text())
    assert len(numbers["figures"]["gates_tiny"]["mean"]) == 7
    losses = numbers["figures"]["branches_tiny"]["loss"]
    assert set(losses) == {"frequency branch", "spatial blocks", "MSIM"}
    assert losses["spatial blocks"] and losses["MSIM"]  # the frequency branch: test_branches.py


def test_networks_side_by_side_and_what_is_left_out_is_said(folder, tmp_path, known, capsys):
    assert _draw(folder, tmp_path, "--inset=4,4,8", "--names=4.png", networks=["one", "a b/c=one"]) == 0
    told = capsys.readouterr().err
    assert "note: one: the weights were trained with data.lr_kernel=blind, and are used with pil_bic" in told
    assert "note: branches_one is left out: it has one branch" in told
    assert "note: gates_a_b_c is left out: it has one branch" in told
    assert not list(tmp_path.glob("branches*")) and (tmp_path / "comparison.png").is_file()
    numbers = json.loads((tmp_path / "figures.json").read_text())
    assert list(numbers["figures"]["bands"]["psnr"]) == ["bicubic", "one", "a b/c"]
    assert numbers["figures"]["comparison"]["insets"] == [[4, 4, 8]] and numbers["shown"] == ["4.png"]
    page = (tmp_path / "index.html").read_text()
    assert "Left out: it has one branch" in page and "Of several networks" in page


def test_picture_that_is_too_long_for_webp_is_shown_as_it_is(tmp_path):
    for height, kind in ((16383, "webp"), (16384, "png")):
        Image.new("RGB", (1, height)).save(tmp_path / "a.png")
        assert page._inline(tmp_path / "a.png").startswith(f"data:image/{kind};base64,")


def test_the_same_command_gives_the_same_files(folder, tmp_path, known):
    for name in ("first", "second"):
        assert _draw(folder, tmp_path / name, "--limit=2", "--images=1") == 0
    for name in ("comparison.png", "bands.svg", "bands.pdf"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    with Image.open(tmp_path / "first" / "comparison.png") as image:
        assert image.width > 4 * 256  # LR, bicubic, one, HR


@pytest.mark.parametrize(
    ("networks", "more", "sentence"),
    [
        (["one"], ["--inset=30,0,8"], "--inset=30,0,8 does not lie in a picture of 32x32"),
        (["one"], ["--names=0.png,9.png"], "has no 9.png; give names such as "),
        (["one"], ["--size=64"], "0.png of"),
        (["one"], ["--size=16"], "--size=16 must be at least 23"),
        (["one"], ["--size=8", "--protocol=rgb"], "--size=8 must be at least 11"),
        (["one"], ["--images=0"], "--images=0 must be at least 1"),
        (["one"], ["--scale=1"], "--scale=1 must be at least 2"),
        (["one", "one"], [], "two of the weights are called one; tell them apart with LABEL=WEIGHTS"),
        (["=one"], [], "=one is not LABEL=WEIGHTS"),
        (["a/b=one", "a_b=one"], [], "two of the weights are called a_b"),
        (["bicubic"], [], "a network cannot be called bicubic, which is drawn beside it"),
        (["mine=bicubic"], [], "bicubic is no network, and is drawn beside every one"),
    ],
)
def test_mistakes_are_met_with_a_sentence_and_no_figure(
    folder, tmp_path, known, capsys, networks, more, sentence
):
    assert _draw(folder, tmp_path, *more, networks=networks) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and sentence in told and told.count("\n") == 1
    assert not list(tmp_path.glob("*.png"))


def test_folder_without_images_and_a_file_as_output_are_named(folder, tmp_path, known, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert _draw(empty, tmp_path / "out") == 2
    assert f"{empty} holds no JPEG, PNG or WebP image" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert _draw(folder, tmp_path / "file") == 2
    assert f"{tmp_path / 'file'} cannot be made (File exists)" in capsys.readouterr().err


def test_weights_that_are_not_there_are_named(folder, tmp_path, capsys):
    assert _draw(folder, tmp_path, networks=["nothing_of_that_name"]) == 2
    assert "nothing_of_that_name" in capsys.readouterr().err
