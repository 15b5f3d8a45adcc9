"""Mistakes in a campaign's config are told at its door, by name."""

import importlib
import pkgutil

import pytest

from configs import campaigns
from smlnet_jax.campaign import plan as plans
from smlnet_jax.campaign.plan import check_sources, plan_of
from smlnet_jax.errors import UserError
from tests.campaign.conftest import plan, recipe


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(campaigns.__path__)])
def test_shipped_campaigns_build_every_member(name):
    campaign = importlib.import_module(f"configs.campaigns.{name}")
    found = plan_of(campaign.get_config())
    assert set(found.members) == set(campaign.MEMBERS) and found.reference in found.members
    assert len(list(found.runs())) >= len(found.members)


def test_members_differ_in_their_overrides_and_share_the_rest():
    config = recipe({"one": 1e-4, "two": 2e-3})
    config.train.steps = 77
    found = plan_of(config).members
    assert [found[name].config.optim.lr for name in ("one", "two")] == [1e-4, 2e-3]
    assert [found[name].config.train.steps for name in ("one", "two")] == [77, 77]


def test_everyone_is_trained_once_before_anyone_is_trained_twice_and_the_reference_first():
    found = plan({"z": 1e-4, "b": 2e-4, "a": 3e-4}, reference="b", seeds_of={"a": (7,)})
    assert list(found.members) == ["z", "b", "a"]
    assert [(run.member.name, run.seed) for run in found.runs()] == [
        ("b", 0), ("z", 0), ("a", 7), ("b", 1), ("z", 1),
    ]  # fmt: skip
    assert {run.member.name for run in found.runs(["a"])} == {"a"}
    assert [run.config.train.seed for run in found.runs()] == [0, 0, 7, 1, 1]


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"model.fusoin": "gate"}, "member bad: config.model.fusoin is unknown; did you mean fusion?"),
        ({"model.fusion": "gates"}, "member bad: model.fusion='gates' is unknown"),
        ({"optim.lr": "fast"}, "member bad: config.optim.lr='fast' must be float"),
        ({"train.steps": 9}, "member bad: train.steps must be the same for all"),
        ({"data.scale": 4}, "member bad: data.scale must be the same for all"),
        ({"optim.lr": 1e-4}, "members one and bad are one and the same"),
    ],
)
def test_mistake_of_a_member_names_it(overrides, sentence):
    config = recipe()
    config.campaign.members.bad = plans.ConfigDict(overrides, allow_dotted_keys=True)
    with pytest.raises(UserError) as told:
        plan_of(config)
    assert str(told.value).startswith(sentence)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"reference": "three"}, "there is no member 'three' in this campaign; its members are one, two"),
        ({"seeds": ()}, "must be different whole numbers"),
        ({"seeds": (1, 1)}, "must be different whole numbers"),
        ({"seeds_of": {"two": (-1,)}}, "config.campaign.seeds_of.two=(-1,) must be"),
        ({"budget": "hours"}, "config.campaign.budget='hours' is unknown"),
        ({"members": {"a/b": 1e-4}, "reference": "a/b"}, "a member cannot be called 'a/b'"),
    ],
)
def test_mistake_of_the_campaign_names_its_key(changes, sentence):
    with pytest.raises(UserError) as told:
        plan(**changes)
    assert sentence in str(told.value)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("val", "", "data.val is empty, and checkpoints are chosen there"),
        ("val", "astronaut:val", "eval.data has face=astronaut:val, and data.val is astronaut:val"),
        ("train", "astronaut:val", "eval.data has face=astronaut:val, and data.train is astronaut:val"),
        ("train", "nowhere", "nowhere is not there"),
    ],
)
def test_test_images_have_no_part_in_training_or_choice(key, value, sentence):
    config = recipe()
    setattr(config.data, key, value)
    with pytest.raises(UserError) as told:
        check_sources(plan_of(config))
    assert sentence in str(told.value)


def test_a_test_set_is_known_however_its_folder_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = recipe()
    config.data.val, config.eval.data = "faces", "face=./faces/"
    with pytest.raises(UserError, match=r"eval\.data has face=\./faces/, and data\.val is faces"):
        check_sources(plan_of(config))


@pytest.mark.parametrize(
    ("train", "val", "test", "sentence"),
    [
        ("faces", "val", "faces/test", r"face=faces/test, and data\.train is faces, which has faces of it"),
        ("faces/train", "val", "faces", r"face=faces, and data\.train is faces/train"),
        ("train", "faces/val", "faces", r"face=faces, and data\.val is faces/val"),
        ("faces", "faces/val", "test", r"data\.val is faces/val, and data\.train is faces"),
    ],
)
def test_folder_in_a_folder_of_other_use_is_refused(train, val, test, sentence):
    config = recipe()
    config.data.train, config.data.val, config.eval.data = train, val, f"face={test}"
    with pytest.raises(UserError, match=sentence):
        check_sources(plan_of(config))


def test_keys_of_the_command_line():
    plans.check_key("campaign.seeds")
    plans.check_key("train.steps")
    with pytest.raises(UserError, match=r"config.campaign.seed is unknown"):
        plans.check_key("campaign.seed")
    with pytest.raises(UserError, match="did you mean train"):
        plans.check_key("trian.steps")
