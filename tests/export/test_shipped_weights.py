"""What ships does what its card says. Skipped in a tree that ships no weights."""

import dataclasses

import pytest

from smlnet_jax import create
from smlnet_jax.config import PROTOCOLS
from smlnet_jax.data.sources import open_source
from smlnet_jax.evaluation.evaluate import evaluate
from smlnet_jax.export import names, package
from smlnet_jax.export.card import Licences
from smlnet_jax.export.pretrained import load_card, load_pretrained

SHIPPED = [folder.name for folder in names.packages(names.bundled())]
OTHERS_SLOW = [pytest.param(n, marks=[pytest.mark.slow] if n != names.DEFAULT else []) for n in SHIPPED]
LARGEST = 16_000_000  # bytes of a file in the repository

pytestmark = pytest.mark.skipif(not SHIPPED, reason="no weights lie in smlnet_jax/weights")


def test_default_is_among_them():
    assert names.DEFAULT in SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_card_states_what_its_readers_need(name):
    card = load_card(name)
    assert card.name == name
    assert card.licences.weights != Licences().weights and card.licences.data != Licences().data
    training = card.training
    assert training.data and training.steps and training.hours and training.hardware and training.curve
    assert card.speed and card.scores
    assert (names.bundled() / name / package.WEIGHTS).stat().st_size <= LARGEST
    assert (names.bundled() / name / package.PAGE).read_text(encoding="utf-8").count("not recorded") == 0


@pytest.mark.parametrize("name", OTHERS_SLOW)
def test_score_on_the_astronaut_is_the_one_in_the_card(name):
    """To 0.05 dB and 0.001, on the very file that ships.

    The figures were written by eval.py with --config.eval.data=astronaut=astronaut:val,... and carried into
    the card by `smlnet export --scores`; do so again when the weights are new, and only then.
    """
    pytest.importorskip("skimage")
    model, params, card = load_pretrained(name)
    assert "astronaut" in card.scores, "score this folder on astronaut=astronaut:val; see docs/weights.md"
    recorded = card.scores["astronaut"]
    faces = open_source("astronaut:val", card.size)
    found = evaluate(
        model, params, {"astronaut": faces}, scale=card.scale, lr_kernel=card.lr_kernel
    ).datasets["astronaut"]
    assert recorded["n"] == len(faces)
    for protocol in PROTOCOLS:
        psnr, ssim = found.mean(protocol)
        assert psnr == pytest.approx(recorded["protocols"][protocol]["psnr"], abs=0.05)
        assert ssim == pytest.approx(recorded["protocols"][protocol]["ssim"], abs=0.001)
        assert psnr > found.mean(protocol, "bicubic")[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_score_is_the_same_in_bfloat16(name):
    """To 0.01 dB: what is lost by rounding is a hundredth of what the network adds to bicubic, and noise."""
    pytest.importorskip("skimage")
    model, params, card = load_pretrained(name)
    half = create(dataclasses.replace(model.config, dtype="bfloat16"))
    faces = open_source("astronaut:val", card.size)
    wide, rounded = (
        evaluate(each, params, {"astronaut": faces}, scale=card.scale, lr_kernel=card.lr_kernel)
        for each in (model, half)
    )
    for protocol in PROTOCOLS:
        psnr, _ = wide.datasets["astronaut"].mean(protocol)
        assert rounded.datasets["astronaut"].mean(protocol)[0] == pytest.approx(psnr, abs=0.01)
