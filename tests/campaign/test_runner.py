"""A campaign goes on: where it stopped, past members that fail, and never as another campaign."""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from PIL import Image

from smlnet_jax.campaign import tables
from smlnet_jax.campaign.plan import plan_of
from smlnet_jax.campaign.results import status
from smlnet_jax.campaign.runner import Runner
from smlnet_jax.data.sources import open_source
from smlnet_jax.errors import UserError
from tests.campaign.conftest import WORKER, plan, recipe


def results(workdir):
    return json.loads((workdir / "results.json").read_text())


def attempts(workdir):
    """How often each run was started."""
    folders = sorted((workdir / "members").glob("*/seed_*"))
    return {f"{f.parent.name} {f.name[5:]}": len(list(f.glob("attempt*"))) for f in folders}


def test_failures_are_rows_and_the_rest_goes_on(run, workdir, capsys):
    campaign = plan({"good": 1e-4, "wild": 1, "killed": 2, "broken": 3, "better": 2e-3}, seeds=(0,))
    assert run(campaign) == 1
    runs = {name: member["runs"]["0"] for name, member in results(workdir)["members"].items()}
    assert {name: one["status"] for name, one in runs.items()} == {
        "good": "done", "wild": "diverged", "killed": "failed", "broken": "failed", "better": "done",
    }  # fmt: skip
    assert "ended by SIGKILL, perhaps for want of memory" in runs["killed"]["reason"]
    assert "ended with code 1 (OSError: no space left)" in runs["broken"]["reason"]
    assert "2 of 5 runs are done, 3 failed" in capsys.readouterr().out
    for text in ((workdir / name).read_text() for name in ("report.md", "report.html")):
        assert "no space left" in text and "loss or gradient was not finite" in text


def test_reference_that_diverged_is_told_where_differences_would_be(run, workdir):
    sentence = "wild, the reference, has no run that was finished, so nothing is compared with it"
    for reference in ("wild", "good"):
        assert run(plan({"good": 1e-4, "wild": 1}, seeds=(0,), reference=reference)) == 1
        assert (sentence in (workdir / "report.md").read_text()) == (reference == "wild")


def test_what_is_done_is_not_done_again_and_what_failed_is(run, workdir):
    campaign = plan({"good": 1e-4, "wild": 1, "unlucky": 5}, seeds=(0,))
    assert run(campaign) == 1
    assert run(campaign) == 1  # the diverged one would do the same again, and is left
    assert attempts(workdir) == {"good 0": 1, "wild 0": 1, "unlucky 0": 2}
    assert results(workdir)["members"]["unlucky"]["runs"]["0"]["status"] == "done"
    assert len(results(workdir)["starts"]) == 2


def test_chosen_members_run_and_the_others_wait(run, workdir):
    campaign = plan({"one": 1e-4, "two": 2e-3, "three": 3e-3})
    assert run(campaign, "one", "three") == 0
    assert set(attempts(workdir)) == {"one 0", "one 1", "three 0", "three 1"}
    assert results(workdir)["members"]["two"]["runs"]["0"] == {
        "status": "waiting", "folder": "members/two/seed_0",
    }  # fmt: skip
    table = tables.scores(results(workdir), "face", "sparnet")
    assert [row[0] for row in table.rows] == ["bicubic", "one", "three"]
    assert [row[0] for row in tables.training(results(workdir)).rows] == ["one", "three"]
    for file in ("report.md", "report.html"):
        text = (workdir / file).read_text()
        assert "Campaign: 2 of 3 members against one" in text
        assert "No run has begun of two." in text


def test_report_is_there_after_every_run(workdir):
    campaign = plan({"one": 1e-4, "two": 2e-3}, seeds=(0,))
    seen = []

    class Watched(Runner):
        def _do(self, run):
            there = results(workdir)["members"] if (workdir / "results.json").exists() else {}
            seen.append([member["runs"]["0"]["status"] for member in there.values()])
            return super()._do(run)

    Watched(campaign, workdir, WORKER).run()
    assert seen == [[], ["done", "waiting"]]


def test_signal_stops_the_run_and_the_same_command_goes_on(run, workdir, capsys):
    campaign = plan({"one": 1e-4, "slow": 4, "three": 3e-3}, seeds=(0,))

    def interrupt():
        while not (workdir / "members/slow/seed_0/waits").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=interrupt, daemon=True).start()
    handler = signal.getsignal(signal.SIGTERM)
    assert run(campaign) == 0
    assert signal.getsignal(signal.SIGTERM) is handler
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("stopped: 1 of 3 runs are done; the same command goes on; the report is in")
    assert attempts(workdir) == {"one 0": 1, "slow 0": 1}
    assert run(campaign) == 0
    assert attempts(workdir) == {"one 0": 1, "slow 0": 2, "three 0": 1}


def test_changed_campaign_is_refused_by_its_key(run):
    assert run(plan({"one": 1e-4, "two": 2e-3}, seeds=(0,))) == 0
    longer = recipe({"one": 1e-4, "two": 2e-3}, seeds=(0,))
    longer.train.steps = 5
    changed = {
        "optim.lr=0.002 for two, and this config says 0.3": plan({"one": 1e-4, "two": 0.3}, seeds=(0,)),
        "train.steps=4 for one, and this config says 5": plan_of(longer),
        "member two, which this config lacks": plan({"one": 1e-4}, seeds=(0,)),
        "seed 0 of one, which this config lacks": plan(seeds=(1,)),
        "budget='steps', and this config says 'seconds'": plan(seeds=(0,), budget="seconds"),
    }
    for words, campaign in changed.items():
        with pytest.raises(UserError, match=re.escape(words)):
            run(campaign)


def test_members_and_seeds_may_be_added(run, workdir):
    assert run(plan({"one": 1e-4, "two": 2e-3}, seeds=(0,))) == 0
    assert run(plan({"one": 1e-4, "two": 2e-3, "three": 3e-3}, seeds=(0, 1), reference="two")) == 0
    assert set(attempts(workdir).values()) == {1} and len(attempts(workdir)) == 6


def test_equal_seconds_give_the_faster_member_more_steps(run, workdir):
    config = recipe({"wide": 1e-4, "slim": 2e-3}, budget="seconds", seeds=(0, 1))
    config.campaign.members.wide["model.spat_widths"] = (48,) * 4  # the stand-in's speed, images a second
    config.campaign.members.slim["model.spat_widths"] = (96,) * 4
    assert run(plan_of(config)) == 0
    steps = {name: member["steps"] for name, member in results(workdir)["members"].items()}
    assert steps == {"wide": 4, "slim": 8}  # the reference's 4 steps take 1/3 s
    job = json.loads((workdir / "members/slim/seed_1/job.json").read_text())
    assert job["train"]["val_every"] == 2 * config.train.val_every  # as many validations as the others
    assert json.loads((workdir / "members/slim/pace/job.json").read_text())["train"]["steps"] == 20


def test_forward_passes_of_what_is_done_are_timed_on_demand(run, workdir):
    campaign = plan({"good": 1e-4, "wild": 1, "late": 1e-3}, seeds=(0,))
    run(campaign, "good", "wild")
    assert results(workdir)["forward"] is None and "| ms |" not in (workdir / "report.md").read_text()
    Runner(campaign, workdir, WORKER).report(timed=True)
    found = results(workdir)
    assert found["forward"]["milliseconds"].keys() == {"good"}
    times = {name: member["milliseconds"] for name, member in found["members"].items()}
    assert times == {"good": 7.25, "wild": None, "late": None}
    report = (workdir / "report.md").read_text()
    assert "| ms |" in report and "| 7.2 |" in report and "medians of 3 calls" in report
    Runner(campaign, workdir, WORKER).run(timed=True)
    assert results(workdir)["forward"]["milliseconds"].keys() == {"good", "late"}


def test_second_campaign_in_a_workdir_is_refused_while_a_run_goes_on(workdir):
    campaign = plan({"one": 1e-4}, seeds=(0,))
    runner = Runner(campaign, workdir, WORKER)
    with runner._alone(), pytest.raises(UserError, match="a campaign is running in"):
        Runner(campaign, workdir, WORKER).run()


def test_bicubic_that_cannot_be_scored_stops_the_campaign_before_any_training(workdir):
    campaign = plan({"one": 1e-4}, seeds=(0,))
    worker = (sys.executable, "-c", "raise SystemExit('no such faces')")
    with pytest.raises(UserError, match="bicubic could not be scored, so nothing was trained") as told:
        Runner(campaign, workdir, worker).run()
    assert "no such faces" in str(told.value)
    assert status(workdir, next(campaign.runs())) == "waiting"


@pytest.mark.slow
def test_command_trains_scores_reports_and_goes_on(tmp_path):
    recipe = tmp_path / "tiny.py"
    recipe.write_text(
        "from configs import base\n"
        "from smlnet_jax.campaign.plan import section\n"
        "def get_config():\n"
        "    c = base.get_config()\n"
        "    c.model.name, c.model.branches = 'smlnet_test', 'spatial'\n"
        "    c.model.spat_widths = c.model.freq_widths = (8,) * 4\n"
        "    c.data.size, c.data.scale, c.train.steps, c.train.batch_size = 32, 4, 2, 4\n"
        "    c.train.val_images = 4\n"
        "    c.campaign = section(reference='plain', members={'plain': {}, 'wild': {'optim.lr': 1e38, "
        "'optim.clip': 0.0}})\n"
        "    return c\n"
    )
    (tmp_path / "val").mkdir()
    for number, face in enumerate(itertools.islice(open_source("astronaut:train"), 3)):
        Image.fromarray(face.image).save(tmp_path / f"val/{number}.png")
    line = [
        sys.executable, "-m", "smlnet_jax.campaign", f"--config={recipe}", f"--workdir={tmp_path / 'W'}",
        "--config.data.train=astronaut:train", f"--config.data.val={tmp_path / 'val'}",
        "--config.eval.data=face=astronaut:val", "--config.train.max_bad_steps=1",
    ]  # fmt: skip
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache")}

    def call(*more):
        done = subprocess.run([*line, *more], env=environment, capture_output=True, text=True, timeout=500)
        return done.returncode, done.stdout, done.stderr

    code, out, err = call()
    assert code == 1 and not err, (out, err)
    found = results(tmp_path / "W")
    plain, wild = (found["members"][name]["runs"]["0"] for name in ("plain", "wild"))
    assert plain["status"] == "done" and plain["best_step"] == 2 and plain["steps"] == 2
    assert wild["status"] in ("diverged", "failed")
    assert found["datasets"]["face"]["images"] == 9
    scores = json.loads((tmp_path / "W/members/plain/seed_0/eval.json").read_text())["datasets"]["face"]
    for protocol, values in scores["protocols"].items():
        ours = found["members"]["plain"]["scores"]["face"][protocol]
        assert ours["psnr"]["mean"] == pytest.approx(values["psnr"], abs=1e-4)
        assert found["bicubic"]["scores"]["face"][protocol]["ssim"]["mean"] == pytest.approx(
            scores["bicubic"][protocol]["ssim"], abs=1e-6
        )
    code, out, err = call("--members=plain", "--time")
    assert code == 0 and "speed of the forward passes: done" in out and "1 of 1 runs are done" in out
    timed = results(tmp_path / "W")["forward"]["milliseconds"]["plain"]
    assert 0 < timed["low"] <= timed["median"] <= timed["high"]
    code, _, err = call("--config.data.scale=2")
    assert code == 2 and err.startswith("error: ") and "data.scale=4 for plain" in err
    code, _, err = call("--members=plane")
    assert code == 2 and "there is no member 'plane'" in err
