"""Where a campaign keeps what.

campaign.json                  what the campaign is, and each start of it
bicubic/                       scores of bicubic
members/NAME/pace/             how fast it trains (budget `seconds`)
speed/                         how long their forward passes take (--time)
members/NAME/seed_N/           a workdir of train.py and eval.py, with job.json, outcome.json and log.txt
report.html, report.md, results.json
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from smlnet_jax.campaign.plan import Run
from smlnet_jax.errors import UserError

STOPPED = 3  # exit code of a job that was asked to stop, and did before its end


def run_folder(workdir: Path, run: Run) -> Path:
    return workdir / "members" / run.member.name / f"seed_{run.seed}"


def read_json(path: Path) -> Any:
    """Its content; `UserError` if it is not there or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} cannot be read ({error}); restore it, or start in another --workdir"
        ) from error
