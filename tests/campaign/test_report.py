"""The report says what was found, and no more."""

import html.parser
import json
import re

import numpy as np
import pytest

from smlnet_jax.campaign.comparison import compare, verdict
from smlnet_jax.campaign.history import read_history
from smlnet_jax.campaign.plan import plan_of
from smlnet_jax.campaign.runner import Runner
from smlnet_jax.evaluation.bootstrap import Difference
from smlnet_jax.evaluation.compare import read_scores
from tests.campaign.conftest import WORKER, plan, recipe

MEMBERS = {"base": 1e-3, "better": 3e-3, "alike": 1.0001e-3, "wild": 1}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Workdir of a campaign of stand-ins: two seeds each, one member better by 0.2 dB, one as good."""
    workdir = tmp_path_factory.mktemp("campaign") / "W"
    Runner(plan(MEMBERS), workdir, WORKER).run()
    return workdir


@pytest.fixture(scope="module")
def results(finished):
    return json.loads((finished / "results.json").read_text())


def scores(workdir, member, seed):
    read = read_scores(workdir / "members" / member / f"seed_{seed}" / "eval" / "face.csv")
    return np.array([read[name]["sparnet_psnr"] for name in sorted(read)])


def test_interval_is_that_of_a_bootstrap_done_by_hand(finished, results):
    """Seeds averaged for each image first; then images are drawn, the same for both."""
    ours, theirs = (np.mean([scores(finished, m, s) for s in (0, 1)], axis=0) for m in ("better", "base"))
    draws = np.random.default_rng(9).integers(12, size=(40_000, 12))
    means = (ours - theirs)[draws].mean(1)
    found = results["members"]["better"]["difference"]["face"]["sparnet"]["psnr"]
    assert found["mean"] == pytest.approx((ours - theirs).mean(), abs=1e-9)
    np.testing.assert_allclose([found["low"], found["high"]], np.quantile(means, [0.025, 0.975]), atol=5e-4)
    assert found["verdict"] == "better" and found["images"] == 12
    assert found["by_seed"] == {
        str(s): pytest.approx((scores(finished, "better", s) - scores(finished, "base", s)).mean())
        for s in (0, 1)
    }


def test_means_and_spread_are_over_seeds(finished, results):
    found = results["members"]["base"]["scores"]["face"]["sparnet"]["psnr"]
    means = [scores(finished, "base", seed).mean() for seed in (0, 1)]
    assert found["mean"] == pytest.approx(np.mean(means))
    assert found["spread"] == pytest.approx(np.std(means, ddof=1))


@pytest.mark.parametrize("file", ["report.md", "report.html"])
def test_report_shows_the_numbers_of_results_json(finished, results, file):
    text = (finished / file).read_text()
    for method in (results["bicubic"], *results["members"].values()):
        for protocols in method["scores"].values():
            for found in protocols.values():
                assert f"{found['psnr']['mean']:.3f}" in text
                assert f"{found['ssim']['mean']:.4f}" in text
        for protocols in (method["difference"] or {}).values():
            for found in protocols.values():
                psnr = found["psnr"]
                assert f"{psnr['mean']:+.3f} [{psnr['low']:+.3f}, {psnr['high']:+.3f}]" in text
    assert "the best by val/psnr_sparnet on the validation set" in text
    assert "test images had no part in it" in text
    assert "python -m smlnet_jax.campaign" in text


def test_identity_is_compared_where_it_was_asked_for(finished, results, tmp_path):
    assert "identity" not in (finished / "report.md").read_text()
    asked = recipe(MEMBERS)
    asked.eval.identity = True
    Runner(plan_of(asked), tmp_path, WORKER).run()
    found = json.loads((tmp_path / "results.json").read_text())
    cosine = found["members"]["better"]["difference"]["face"]["identity"]["cosine"]
    psnr = found["members"]["better"]["difference"]["face"]["sparnet"]["psnr"]
    assert cosine["verdict"] == "better" and cosine["mean"] == pytest.approx(psnr["mean"] / 10, abs=1e-4)
    assert psnr == results["members"]["better"]["difference"]["face"]["sparnet"]["psnr"]
    for file in ("report.md", "report.html"):
        text = (tmp_path / file).read_text()
        assert "identity is" in text and f"{cosine['mean']:+.3f} [{cosine['low']:+.3f}" in text


def test_markdown_tables_have_as_many_cells_in_every_row(finished):
    blocks = re.findall(r"(?:^\|.*\n)+", (finished / "report.md").read_text(), re.MULTILINE)
    assert blocks
    for block in blocks:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_page_is_whole_and_asks_for_nothing_else(finished):
    page = (finished / "report.html").read_text()
    open_tags = []

    class Check(html.parser.HTMLParser):
        def handle_starttag(self, tag, attrs):
            assert not {"src", "srcset"} & {name for name, _ in attrs}
            if tag not in ("meta", "br"):
                open_tags.append(tag)

        def handle_startendtag(self, tag, attrs):
            pass

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    Check().feed(page)
    assert not open_tags
    assert "http" not in page and "@import" not in page and "nan" not in page.lower().split("<pre>")[0]
    assert page.count("<svg class=") == 4  # differences, cost, and two learning curves
    assert "prefers-color-scheme: dark" in page


def test_verdict_needs_the_interval_and_every_seed():
    above, below, around = (
        Difference(0.1, 0.05, 0.2, 9), Difference(-0.1, -0.2, -0.05, 9), Difference(0.1, -0.1, 0.2, 9),
    )  # fmt: skip
    assert verdict(above, [0.1, 0.1]) == "better"
    assert verdict(below, [-0.1, -0.1]) == "worse"
    assert verdict(above, [0.3, -0.1]) == verdict(around, [0.1, 0.1]) == "not told apart"


def test_only_seeds_that_both_have_are_compared():
    rng = np.random.default_rng(0)
    images = rng.normal(25, 3, 30)
    reference = {seed: images + rng.normal(0, 0.01, 30) for seed in (0, 1, 2)}
    found = compare({1: reference[1] + 0.5, 7: images + 90}, reference)
    assert found.mean == pytest.approx(0.5) and list(found.by_seed) == [1]
    assert compare({7: images}, reference) is None
    assert compare({0: np.full(30, np.inf)}, reference) is None


def test_training_seconds_leave_out_what_the_loop_did_not_time(tmp_path):
    """10 steps at 8 images/s, 10 more after a restart at 4; the wall clock is of no concern."""
    rows = [
        {"step": 10, "images_per_second": 8.0, "seconds": 100.0},
        {"step": 10, "val/psnr_sparnet": 24.0, "seconds": 130.0},
        {"step": 20, "images_per_second": 4.0, "seconds": 300.0},
        {"step": 20, "val/psnr_sparnet": None, "seconds": 310.0},
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)) + '\n{"step": 21, "ima')
    found = read_history(tmp_path, batch_size=16)
    assert found.seconds == pytest.approx(10 * 16 / 8 + 10 * 16 / 4)
    assert found.images_per_second == pytest.approx(20 * 16 / found.seconds)
    assert found.curve == ((10, pytest.approx(20.0), 24.0),)
    assert read_history(tmp_path / "none", 16) is None


def test_run_of_one_step_has_no_speed(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "images_per_second": null}\n')
    found = read_history(tmp_path, 16)
    assert (found.step, found.seconds, found.images_per_second, found.curve) == (1, None, None, ())
