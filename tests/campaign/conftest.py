"""Campaigns of stand-ins: the runner cannot tell them from training."""

import sys
from pathlib import Path

import pytest

from configs import base
from smlnet_jax.campaign.plan import Plan, plan_of, section
from smlnet_jax.campaign.runner import Runner

WORKER = (sys.executable, str(Path(__file__).with_name("stand_in.py")))


def recipe(members=None, **changes):
    """A campaign's config; `members` {name: learning rate}. The reference is the first."""
    members = members or {"one": 1e-4, "two": 2e-3}
    config = base.get_config()
    config.train.steps, config.train.batch_size = 4, 4
    config.data.train, config.data.val = "astronaut:train", "astronaut:train"
    config.eval.data = "face=astronaut:val"
    values = {"reference": next(iter(members)), "seeds": (0, 1), **changes}
    members = {name: {"optim.lr": lr} for name, lr in members.items()}
    config.campaign = section(members=members, **values)
    return config


def plan(members=None, **changes) -> Plan:
    return plan_of(recipe(members, **changes))


@pytest.fixture
def run(tmp_path):
    """Runs a plan with stand-ins in tmp_path / "W", and returns the exit code."""

    def run(campaign: Plan, *chosen: str) -> int:
        return Runner(campaign, tmp_path / "W", WORKER).run(chosen)

    return run


@pytest.fixture
def workdir(tmp_path) -> Path:
    return tmp_path / "W"
