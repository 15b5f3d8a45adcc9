"""Trains and scores every member of a campaign alike, and reports which is better; see docs/campaigns.md.

    python -m smlnet_jax.campaign --config=configs/campaigns/cpu_x8.py --workdir=W --config.data.train=FOLDER
    --config.data.val=FOLDER --config.eval.data=celeba=FOLDER,lfw=FOLDER

Started again with the same --workdir it goes on where it stopped. It writes report.html, report.md and
results.json into the workdir, anew after every run. SIGTERM and Ctrl-C save and exit with 0; 1 means that a
member failed.
"""

import functools
import sys
from collections.abc import Sequence

from absl import app, flags
from ml_collections import config_flags

from smlnet_jax import recipe_flags
from smlnet_jax.campaign.plan import check_key, check_member, check_sources, plan_of
from smlnet_jax.campaign.runner import Runner
from smlnet_jax.errors import UserError, one_line_errors

_CONFIG = config_flags.DEFINE_config_file("config", None, "Campaign, such as configs/campaigns/cpu_x8.py.")
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the campaign; made if it is not there.")
_MEMBERS = flags.DEFINE_list("members", [], "Only these members, by name; the others wait.")
_REPORT = flags.DEFINE_boolean("report", False, "Train nothing; write the report of what is there anew.")
_TIME = flags.DEFINE_boolean("time", False, "At the end, time the forward pass of every member, in turns.")


def main(_: Sequence[str]) -> int:
    if not _WORKDIR.value:
        raise UserError("--workdir is empty; give a folder, as --workdir=runs/first")
    plan = plan_of(_CONFIG.value)
    for name in _MEMBERS.value:
        check_member(name, plan.members)
    runner = Runner(plan, recipe_flags.folder(_WORKDIR.value))
    if _REPORT.value:
        return runner.report(timed=_TIME.value)
    check_sources(plan)
    return runner.run(_MEMBERS.value, timed=_TIME.value)


if __name__ == "__main__":
    flags.mark_flags_as_required(["config", "workdir"])
    parse = functools.partial(recipe_flags.parse, check=check_key)
    sys.exit(one_line_errors(app.run)(one_line_errors(main), flags_parser=parse))
