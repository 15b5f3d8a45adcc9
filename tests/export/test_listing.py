import argparse
import dataclasses

import numpy as np
import pytest

from smlnet_jax.export import listing, names
from smlnet_jax.export.card import Licences
from smlnet_jax.export.package import shapes, unflatten
from smlnet_jax.export.pretrained import save_pretrained
from smlnet_jax.models import NETWORKS, create


@pytest.fixture
def few(monkeypatch, tmp_path):
    """Two networks, and no weights that come with the package."""
    monkeypatch.setattr(
        listing, "NETWORKS", {name: NETWORKS[name] for name in ("smlnet_test", "smlnet_lite")}
    )
    monkeypatch.setattr(names, "bundled", lambda: tmp_path / "none")


def _lines(capsys) -> list[list[str]]:
    listing.run(argparse.Namespace())
    return [line.split(maxsplit=5) for line in capsys.readouterr().out.splitlines()[1:]]


@pytest.mark.usefixtures("few")
def test_network_without_weights_shows_its_cost(capsys):
    assert _lines(capsys)[0] == ["smlnet_test", "0.23", "0.73", "-", "-", "-"]


@pytest.mark.usefixtures("few")
def test_weights_show_their_scale_and_terms_beside_their_network(capsys, model, params, card):
    card = dataclasses.replace(card, licences=Licences(weights="research only, non-commercial"))
    save_pretrained(names.cache() / "weights/tiny_x8", model, params, card)
    first, second, third = _lines(capsys)
    assert first == ["smlnet_test", "0.23", "0.73", "-", "-", "-"]
    assert second == ["smlnet_test", "0.23", "0.73", "tiny_x8", "x8", "research only, non-commercial"]
    assert third[0] == "smlnet_lite" and third[3] == "-"


@pytest.mark.usefixtures("few")
def test_cost_is_that_of_the_weights_own_network(capsys, model, params, card):
    """A network that differs from its variant, as an ablation does, is not counted as the variant."""
    other = create(dataclasses.replace(model.config, branches="spatial"))
    zeros = unflatten({name: np.zeros(shape, np.float32) for name, shape in shapes(other).items()})
    save_pretrained(names.cache() / "weights/tiny_x8", other, zeros, card)
    variant, own, *_ = _lines(capsys)
    assert variant[1] == "0.23" and float(own[1]) < 0.2


@pytest.mark.usefixtures("few")
def test_damaged_card_is_a_note_and_the_rest_is_shown(capsys, model, params, card):
    folder = names.cache() / "weights/tiny_x8"
    save_pretrained(folder, model, params, card)
    (folder / "config.json").write_text("{}")
    listing.run(argparse.Namespace())
    shown = capsys.readouterr()
    assert "note: " in shown.err and "was changed" in shown.err
    assert len(shown.out.splitlines()) == 3
