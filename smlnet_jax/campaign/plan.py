"""What a campaign is: its members, each a whole `Config`, and what all of them share.

A campaign's config is a recipe with one section more, `campaign` (see `section`). What the recipe says holds
for every member, and a member says what differs. It may not differ in what makes the comparison: faces,
steps, batch size, seeds and scoring.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from smlnet_jax import config as configs
from smlnet_jax.config import Config, from_config_dict
from smlnet_jax.data.sources import open_source
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation import datasets

BUDGETS = ("steps", "seconds")
_MAY_DIFFER = ("model", "loss", "optim")  # sections, and keys:
_MAY_DIFFER_TOO = ("data.hflip", "data.zoom", "train.accumulate")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")  # it becomes a folder


def section(
    *,
    members: Mapping[str, Mapping[str, Any]],
    reference: str,
    seeds: Sequence[int] = (0,),
    seeds_of: Mapping[str, Sequence[int]] | None = None,
    budget: str = "steps",
    seconds: float = 0.0,
    pace_steps: int = 20,
) -> ConfigDict:
    """The `campaign` section of a config.

    members     {name: {"model.name": ..., "loss.fre_weight": ...}}, what differs from the recipe
    reference   the member that all others are compared with
    seeds       of every member, but for those in `seeds_of`, {name: seeds}
    budget      steps: train.steps for everyone; seconds: as many steps as each manages in the same time
    seconds     of training, for that budget; 0 = what the reference takes for train.steps
    pace_steps  over which a member's speed is measured, after compilation, for that budget
    """
    values = {
        "members": {name: dict(overrides) for name, overrides in members.items()},
        "order": tuple(members),  # a ConfigDict sorts its keys
        "reference": reference,
        "seeds": tuple(seeds),
        "seeds_of": {name: tuple(of) for name, of in (seeds_of or {}).items()},
        "budget": budget,
        "seconds": float(seconds),
        "pace_steps": pace_steps,
    }
    return ConfigDict(values, allow_dotted_keys=True)


@dataclass(frozen=True)
class Member:
    """One method. `config.train.seed` is the first of its seeds; the other runs differ in nothing else."""

    name: str
    overrides: Mapping[str, Any]
    config: Config
    seeds: tuple[int, ...]


class Run(NamedTuple):
    """One training of one member."""

    member: Member
    seed: int

    @property
    def config(self) -> Config:
        config = self.member.config
        return dataclasses.replace(config, train=dataclasses.replace(config.train, seed=self.seed))

    def __str__(self) -> str:
        return f"{self.member.name}, seed {self.seed}"


@dataclass(frozen=True)
class Plan:
    """A campaign, checked."""

    members: Mapping[str, Member]
    reference: str
    budget: str
    seconds: float
    pace_steps: int

    @property
    def config(self) -> Config:
        """Of the reference: what all members share can be read there."""
        return self.members[self.reference].config

    @property
    def test_sets(self) -> dict[str, str]:
        """{name: source} of what everyone is scored on."""
        return datasets.parse(self.config.eval.data)

    def runs(self, chosen: Collection[str] = ()) -> Iterator[Run]:
        """In the order in which they are done: first everyone's first seed, the reference before all others.

        A campaign that is cut off has then compared as many members as it could. `chosen` members only, () =
        all.
        """
        names = [self.reference, *(name for name in self.members if name != self.reference)]
        members = [self.members[name] for name in names if not chosen or name in chosen]
        for turn in range(max(len(member.seeds) for member in members)):
            for member in members:
                if turn < len(member.seeds):
                    yield Run(member, member.seeds[turn])


def plan_of(config: Mapping[str, Any]) -> Plan:
    """A campaign's config to its plan, all members' `Config` built; `UserError` names the one at fault."""
    recipe = config.to_dict() if isinstance(config, ConfigDict) else dict(config)
    if "campaign" not in recipe:
        raise UserError("this recipe has no `campaign` section; give one of configs/campaigns, or see there")
    campaign = recipe.pop("campaign")
    _check_section(campaign)
    order = [*campaign["order"], *campaign["members"]]
    from_config_dict(recipe)  # what is wrong with everyone is not said of the first member
    members = {
        name: _member(name, overrides, recipe, tuple(campaign["seeds_of"].get(name, campaign["seeds"])))
        for name, overrides in sorted(campaign["members"].items(), key=lambda item: order.index(item[0]))
    }
    _refuse_twins(members)
    return Plan(members, *(campaign[key] for key in ("reference", "budget", "seconds", "pace_steps")))


def check_sources(plan: Plan) -> None:
    """Raises `UserError` unless there are faces to train on, to choose checkpoints on, and to test on."""
    data = plan.config.data
    if not data.val:
        raise UserError(
            "data.val is empty, and checkpoints are chosen there; give --config.data.val=FOLDER, none of the "
            "test sets"
        )
    if not plan.config.eval.data:
        raise UserError("eval.data is empty; give --config.eval.data=name=FOLDER, what all are scored on")
    tests = plan.test_sets
    for name, source in tests.items():
        for key in ("train", "val"):
            if _share(source, other := getattr(data, key)):
                raise UserError(
                    f"eval.data has {name}={source}, and data.{key} is {other}, which has faces of it; a "
                    "test set has no part in training or in the choice of a checkpoint: give another"
                )
    if _share(data.train, data.val):
        raise UserError(
            f"data.val is {data.val}, and data.train is {data.train}, which has faces of it; a checkpoint is "
            "chosen on faces that were not trained on: give others"
        )
    for source in (data.train, data.val, *tests.values()):
        open_source(source, data.size)


def _share(one: str, other: str) -> bool:
    """Whether two sources are the same, or one folder lies in the other; however their paths are written."""
    if ":" in one or ":" in other:
        return one == other
    first, second = (Path(source).expanduser().resolve() for source in (one, other))
    return first.is_relative_to(second) or second.is_relative_to(first)


def check_key(path: str) -> None:
    """Raises `UserError` unless `path` can be set on the command line of a campaign."""
    first, _, key = path.partition(".")
    if first != "campaign":
        configs.check_key(path)
    elif key.partition(".")[0] not in _KINDS:
        raise UserError(f"config.{path} is unknown; known: {', '.join(_KINDS)}")


_KINDS: dict[str, type | tuple[type, ...]] = {
    "members": dict,
    "order": (tuple, list),
    "reference": str,
    "seeds": (tuple, list),
    "seeds_of": dict,
    "budget": str,
    "seconds": (int, float),
    "pace_steps": int,
}


def _check_section(campaign: Mapping[str, Any]) -> None:
    for key, kind in _KINDS.items():
        if not isinstance(campaign.get(key), kind):
            raise UserError(
                f"config.campaign.{key}={campaign.get(key)!r} cannot be; see `section` in plan.py"
            )
    for key in campaign:
        check_key(f"campaign.{key}")
    members = campaign["members"]
    if not members:
        raise UserError("config.campaign.members is empty; name what is to be compared")
    for name in members:
        if not _NAME.fullmatch(name) or name == "bicubic":
            raise UserError(
                f"a member cannot be called {name!r}; use letters, digits, _ . and - (not bicubic)"
            )
    for key in (campaign["reference"], *campaign["seeds_of"]):
        check_member(key, members)
    for name, seeds in {"": campaign["seeds"], **campaign["seeds_of"]}.items():
        key = f"config.campaign.{'seeds_of.' if name else 'seeds'}{name}"
        whole = all(isinstance(seed, int) and 0 <= seed < 2**32 for seed in seeds)
        if not seeds or not whole or len(set(seeds)) < len(seeds):
            raise UserError(f"{key}={seeds!r} must be different whole numbers from 0, such as (0, 1, 2)")
    if campaign["budget"] not in BUDGETS:
        raise UserError(f"config.campaign.budget={campaign['budget']!r} is unknown; choose steps or seconds")
    if campaign["seconds"] < 0 or campaign["pace_steps"] < 3:
        raise UserError("config.campaign.seconds must be 0 or more, and config.campaign.pace_steps 3 or more")


def check_member(name: str, members: Collection[str]) -> None:
    """Raises `UserError` if there is no member of that name."""
    if name not in members:
        raise UserError(f"there is no member {name!r} in this campaign; its members are {', '.join(members)}")


def _member(name: str, overrides: Mapping[str, Any], recipe: Mapping[str, Any], seeds: tuple) -> Member:
    values = {part: dict(keys) for part, keys in recipe.items()}
    try:
        for path, value in overrides.items():
            configs.check_key(path)
            part, _, key = path.partition(".")
            if (part not in _MAY_DIFFER and path not in _MAY_DIFFER_TOO) or not key:
                raise UserError(
                    f"{path} must be the same for all; a member may differ in {', '.join(_MAY_DIFFER)} and "
                    f"{', '.join(_MAY_DIFFER_TOO)}"
                )
            values[part][key] = value
        values["train"]["seed"] = seeds[0]
        config = from_config_dict(values)
        if config.train.distributed:
            raise UserError("train.distributed=True; a campaign trains on the devices of one machine")
    except UserError as error:
        raise UserError(f"member {name}: {error}") from error
    return Member(name, dict(overrides), config, seeds)


def _refuse_twins(members: Mapping[str, Member]) -> None:
    """A switch that does nothing, mostly by a mistake, would be reported as one that makes no difference."""
    seen: dict[Any, str] = {}
    for name, member in members.items():
        config = dataclasses.replace(member.config, train=dataclasses.replace(member.config.train, seed=0))
        if config in seen:
            raise UserError(f"members {seen[config]} and {name} are one and the same; change or drop one")
        seen[config] = name
