import json

import pytest

from smlnet_jax.errors import UserError
from smlnet_jax.export.card import Card, Licences, Point, Speed, Training, card_from_json
from smlnet_jax.export.page import page
from smlnet_jax.models.config import VARIANTS

SCORES = {
    "lfw": {
        "n": 150,
        "protocols": {"sparnet": {"psnr": 27.5, "ssim": 0.8}, "rgb": {"psnr": None, "ssim": None}},
        "bicubic": {"sparnet": {"psnr": 24.469, "ssim": 0.6773}},
        "identity": {"model": 0.5, "bicubic": 0.31},
    }
}


@pytest.fixture
def full() -> Card:
    """A card on which nothing is left at its default."""
    return Card(
        name="smlnet_s_x4",
        model=VARIANTS["smlnet_s"],
        size=256,
        scale=4,
        lr_kernel="blind",
        dtype="float16",
        crop="by hand",
        parameters=1_550_000,
        macs=4_020_000_000,
        speed=(Speed("a processor", 1, 12.5), Speed("a processor", 8, 9.0)),
        training=Training(
            data="nine faces",
            steps=1200,
            batch_size=16,
            hours=2.5,
            hardware="one abacus",
            seed=3,
            revision="abc123",
            command="python train.py",
            chosen="the best",
            curve=tuple(Point(step, 20 + step / 1000) for step in range(100, 2000, 100)),
            curve_of="val/psnr",
            recipe={"data": {"blind_blur": [0.2, 3.0]}},
        ),
        scores=SCORES,
        licences=Licences("Apache-2.0", "for friends", "none"),
    )


def test_card_comes_back_from_its_json(full):
    assert card_from_json(full.to_json(), "config.json") == full


def test_card_with_defaults_comes_back_from_its_json():
    card = Card("x", VARIANTS["smlnet_lite"])
    assert card_from_json(card.to_json(), "config.json") == card


def test_model_of_a_card_does_not_follow_later_changes_of_the_variant(full):
    values = json.loads(full.to_json())
    values["model"]["spat_widths"] = [24, 24, 24, 24]
    values["model"]["attention_heads"] = 4
    model = card_from_json(json.dumps(values), "config.json").model
    assert model.spat_widths == (24, 24, 24, 24) and model.attention_heads == 4


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'"card"', b"[" * 100_000])
def test_anything_but_a_card_is_refused_with_its_place(text):
    with pytest.raises(UserError, match=r"^here/config\.json is not"):
        card_from_json(text, "here/config.json")


def test_card_whose_network_has_no_name_is_refused(full):
    values = json.loads(full.to_json())
    values["model"]["name"] = ["smlnet"]
    with pytest.raises(UserError, match=r"model\.name=\['smlnet'\] is unknown"):
        card_from_json(json.dumps(values), "config.json")


def test_page_says_what_the_card_knows(full):
    text = page(full, weight_bytes=3_100_000)

    for fact in (
        "x4, from 64x64 to 256x256",
        "1.55 M",
        "4.02 G",
        "3.1 MB, float16",
        "12.5 ms an image on a processor",
        "nine faces",
        "1,200 of 16 images: 19,200 in all",
        "2.5 h",
        "one abacus",
        "abc123",
        "`python train.py`",
        "by hand",
        "blind_blur [0.2, 3.0]",
        "| lfw | 150 | sparnet | 24.469 0.6773 | 27.500 0.8000 | +3.031 +0.1227 |",
        "| lfw | 150 | rgb |  |  |  |",
        "| lfw | 150 | identity | 0.310 | 0.500 | +0.190 |",
        "for friends",
        "Never use a restored face to identify anyone",
        "each input pixel becomes 16 output pixels",
    ):
        assert fact in text
    assert text.startswith("---\n") and "not recorded" not in text


def test_page_thins_a_long_curve_but_keeps_its_ends(full):
    text = page(full, weight_bytes=1)
    shown = [line for line in text.splitlines() if line.startswith("| ") and line.endswith("00 |")]
    assert "| 100 | 20.100 |" in shown and "| 1,900 | 21.900 |" in shown
    assert len(shown) == 12 < len(full.training.curve)


def test_page_admits_what_nobody_wrote_down():
    text = page(Card("x", VARIANTS["smlnet_lite"]), weight_bytes=1)
    for row in ("| data |", "| steps |", "| wall time |", "| hardware |", "| speed |"):
        assert f"{row} not recorded |" in text
    assert "## Scores\n\nNot recorded." in text and "| weights | not stated" in text
