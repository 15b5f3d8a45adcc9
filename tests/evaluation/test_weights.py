import pytest

from smlnet_jax.errors import UserError
from smlnet_jax.evaluation.weights import load


def test_bicubic_needs_no_model():
    assert load("bicubic", "anywhere") == ("bicubic", None, {})


@pytest.mark.parametrize("what", ["smlnet_x8_of_nobody", "no/such/folder"])
def test_unknown_weights_are_refused_by_name(what, tmp_path):
    with pytest.raises(UserError, match=what):
        load(what, tmp_path)


def test_workdir_without_a_checkpoint_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=tmp_path.name):
        load("", tmp_path)
