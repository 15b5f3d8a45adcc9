"""A recipe becomes a validated Config at the door; a wrong key is named there."""

import importlib
from pathlib import Path

import pytest

from configs import base
from smlnet_jax.config import Config, from_config_dict, model_config, stored_model_config, to_dict
from smlnet_jax.errors import UserError
from smlnet_jax.models import NETWORKS

RECIPES = sorted(
    path.stem
    for path in (Path(__file__).parents[1] / "configs").glob("*.py")
    if path.stem not in ("__init__", "base")
)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_builds(recipe):
    config = from_config_dict(importlib.import_module(f"configs.{recipe}").get_config())
    assert config.train.steps > 0


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_opens_with_its_command(recipe):
    assert f"--config=configs/{recipe}.py" in importlib.import_module(f"configs.{recipe}").__doc__


def test_base_is_the_default_config():
    assert from_config_dict(base.get_config()) == Config()


def test_config_survives_a_round_trip_through_json_values():
    config = base.get_config()
    config.model.name = "smlnet_lite"
    config.model.mfeb_kernels = (3, 5)
    config.data.zoom = (1, 1.2)  # an int where a float is meant
    built = from_config_dict(config)
    assert built.model.spectrum == "complex"  # the variant's own
    assert built.model.mfeb_kernels == (3, 5)  # the override
    assert from_config_dict(to_dict(built)) == built
    assert model_config(to_dict(built.model)) == built.model


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"trian": {}}, "config.trian is unknown; did you mean train"),
        ({"train": {"batchsize": 4}}, "config.train.batchsize is unknown; did you mean batch_size"),
        ({"train": {"steps": "many"}}, "config.train.steps='many' must be int"),
        ({"train": {"steps": 0}}, "train.steps=0 must be above 0"),
        ({"train": {"batch_size": 6, "accumulate": 4}}, "train.accumulate=4 must divide train.batch_size=6"),
        ({"model": {"name": "smlnet_ss"}}, "model.name='smlnet_ss' is unknown; did you mean smlnet_s"),
        ({"data": {"scale": 3}}, "data.scale=3 is unknown; choose one of 2, 4, 8, 16"),
        ({"data": {"size": 100}}, "data.scale=8 does not divide data.size=100"),
        ({"data": {"size": 24, "scale": 4}, "model": {"name": "smlnet_lite"}}, "divisible by 32"),
        ({"model": {"consistency": 3}}, "model.consistency=3 is unknown; choose one of 0, 2, 4, 8, 16"),
        ({"model": {"consistency": 4}}, "model.consistency=4 is for an LR .* pil_bicubic at scale 8"),
        ({"model": {"consistency": 8}, "data": {"lr_kernel": "blind"}}, "the data is blind at scale 8"),
        ({"data": {"zoom": (0.5, 1.0)}}, "data.zoom"),
        ({"data": {"blind_noise": (-0.1, 0.1)}}, r"data.blind_noise=\(-0.1, 0.1\) must be within 0 and 1"),
        ({"data": {"blind_jpeg": (50, 101)}}, r"data.blind_jpeg=\(50, 101\) must be within 1 and 100"),
        ({"train": {"init_part": True}}, "train.init_part=True takes parts of what train.init names"),
        ({"train": {"seed": -1}}, "train.seed=-1 must be in"),
        ({"train": {"val_images": -1}}, "train.val_images=-1 must not be negative"),
        ({"eval": {"limit": -1}}, "eval.limit=-1 must not be negative"),
        ({"optim": {"clip": -1.0}}, "optim.clip=-1.0 must not be negative"),
        ({"optim": {"ema": 1.5}}, "optim.ema=1.5"),
        ({"optim": {"b1": 1.5}}, r"optim.b1=1.5 must be in \[0, 1\)"),
        ({"optim": {"lr": float("nan")}}, "optim.lr=nan must be above 0"),
        ({"loss": {"fre_weight": -1.0}}, "loss.fre_weight=-1.0 must not be negative"),
        ({"eval": {"protocols": ("psnr",)}}, "eval.protocols='psnr' is unknown"),
    ],
)
def test_a_wrong_value_is_named(values, sentence):
    with pytest.raises(UserError, match=sentence):
        from_config_dict(values)


@pytest.mark.parametrize(
    ("name", "field", "since", "before"),
    [
        ("smlnet_lite", "interaction_levels", (1,), (0, 1, 2, 3)),
        ("smlnet_lite", "spatial_block", "naf", "residual"),
        ("smlnet", "spatial_block", "naf", "residual"),
    ],
)
def test_stored_network_is_not_changed_by_what_its_name_means_by_now(name, field, since, before):
    """Weights from before there was the field have what all networks had, whatever the variant has since."""
    values = to_dict(NETWORKS[name])
    assert stored_model_config(values) == model_config(values) == NETWORKS[name]
    del values[field]
    assert getattr(model_config(values), field) == since
    assert getattr(stored_model_config(values), field) == before
    assert from_config_dict({"model": values}, stored=True).model == stored_model_config(values)


def test_stored_network_of_no_known_name_is_refused():
    with pytest.raises(UserError, match=r"model\.name=None is unknown"):
        stored_model_config({"width": 8})
