"""What a workdir holds of a campaign: what it is, each start of it, and that it is not made another one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smlnet_jax.campaign import provenance
from smlnet_jax.campaign.files import read_json
from smlnet_jax.campaign.plan import Plan
from smlnet_jax.config import from_config_dict, to_dict
from smlnet_jax.errors import UserError
from smlnet_jax.files import write_json
from smlnet_jax.training.resume import first_difference

FILE = "campaign.json"
SECTIONS = ("model", "data", "optim", "loss", "train", "eval")
# What changes no result, or by rounding at most. Members, seeds and another reference may be added, too: what
# is there stays comparable.
MAY_CHANGE = frozenset(
    {
        "data.threads", "model.fft_impl", "model.remat", "train.seed", "train.accumulate", "train.fsdp",
        "train.keep", "train.max_bad_steps", "train.save_every", "train.wandb", "eval.batch_size",
        "eval.grid_images",
    }
)  # fmt: skip


def start(plan: Plan, workdir: Path) -> None:
    """Writes campaign.json, with this start in it. `UserError` if `workdir` holds another campaign."""
    path = workdir / FILE
    before = read_json(path) if path.is_file() else {}
    if before:
        check_same(before, plan, workdir)
    began = {
        "time": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "command": provenance.command(),
        "revision": provenance.revision(),
        "versions": provenance.versions(),
        "machine": provenance.machine(),
    }
    write_json(path, {**describe(plan), "starts": [*before.get("starts", []), began]})


def starts(workdir: Path) -> list[dict[str, Any]]:
    path = workdir / FILE
    return read_json(path)["starts"] if path.is_file() else []


def describe(plan: Plan) -> dict[str, Any]:
    """A plan as plain JSON values."""
    return {
        "reference": plan.reference,
        "budget": plan.budget,
        "seconds": plan.seconds,
        "pace_steps": plan.pace_steps,
        "members": {
            name: {
                "overrides": dict(member.overrides),
                "seeds": list(member.seeds),
                "config": to_dict(member.config),
            }
            for name, member in plan.members.items()
        },
    }


def check_same(before: Mapping[str, Any], plan: Plan, workdir: Path) -> None:
    """Raises `UserError` that names the first key in which the recorded campaign differs from this one."""
    again = "set it back to go on, or start anew in another --workdir"
    for key in ("budget", "seconds") if plan.budget != "steps" else ("budget",):
        if before[key] != getattr(plan, key):
            raise UserError(
                f"{workdir} holds a campaign with campaign.{key}={before[key]!r}, and this config says "
                f"{getattr(plan, key)!r}; {again}"
            )
    for name, recorded in before["members"].items():
        if name not in plan.members:
            raise UserError(
                f"{workdir} holds a campaign with member {name}, which this config lacks; {again}"
            )
        member = plan.members[name]
        if gone := set(recorded["seeds"]) - set(member.seeds):
            raise UserError(f"{workdir} holds seed {min(gone)} of {name}, which this config lacks; {again}")
        recorded_config = from_config_dict(recorded["config"], stored=True)
        if differs := first_difference(recorded_config, member.config, SECTIONS, MAY_CHANGE):
            key, old, new = differs
            raise UserError(
                f"{workdir} holds a campaign with {key}={old!r} for {name}, and this config says {new!r}; "
                f"{again}"
            )
