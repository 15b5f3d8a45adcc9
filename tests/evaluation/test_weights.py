import pytest

from smlnet_jax.errors import UserError
from smlnet_jax.evaluation.weights import load
from smlnet_jax.models import SelfEnsemble


def test_bicubic_needs_no_model():
    assert load("bicubic", "anywhere") == ("bicubic", None, {}, {}, False)


@pytest.mark.parametrize("what", ["smlnet_x8_of_nobody", "no/such/folder"])
def test_unknown_weights_are_refused_by_name(what, tmp_path):
    with pytest.raises(UserError, match=what):
        load(what, tmp_path)


def test_workdir_without_a_checkpoint_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=tmp_path.name):
        load("", tmp_path)


def test_a_self_ensemble_is_named_in_the_label():
    label, model, params, *_ = load("smlnet_lite_x8", "", self_ensemble=True)
    assert label == "smlnet_lite_x8 (self-ensemble)"
    assert isinstance(model, SelfEnsemble)
    assert model.config == load("smlnet_lite_x8", "").model.config
    assert params


def test_a_self_ensemble_of_bicubic_is_refused():
    with pytest.raises(UserError, match="self_ensemble asks a network twice, and bicubic is none"):
        load("bicubic", "", self_ensemble=True)
