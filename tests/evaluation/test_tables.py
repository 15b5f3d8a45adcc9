import csv

import numpy as np
import pytest

from smlnet_jax.evaluation.evaluate import Results, Scores, SetResult
from smlnet_jax.evaluation.tables import score_table, write_csv


@pytest.fixture
def found():
    names = ("a, b.png", "c.png")
    model = {
        "sfmnet": Scores(np.array([25.0, 27.0]), np.array([0.7, 0.8])),
        "rgb": Scores(np.array([24.0, 25.0]), np.array([0.6, 0.7])),
    }
    bicubic = {
        "sfmnet": Scores(np.array([22.0, 23.0]), np.array([0.6, 0.7])),
        "rgb": Scores(np.array([21.0, 26.0]), np.array([0.5, 0.8])),
    }
    return SetResult(names, model, bicubic, {})


def test_table_has_bicubic_model_and_gain_under_each_protocol(found):
    lines = score_table(Results(8, "pil_bicubic", {"two": found}), "two", "runs/x8").splitlines()
    assert lines[0].startswith("two: 2 images, x8, LR by pil_bicubic")
    assert lines[1].split() == ["sfmnet", "rgb"]
    assert lines[2].split() == ["bicubic", "22.500", "0.6500", "23.500", "0.6500"]
    assert lines[3].split() == ["runs/x8", "26.000", "0.7500", "24.500", "0.6500"]
    assert lines[4].split() == ["gain", "+3.500", "+0.1000", "+1.000", "+0.0000"]


def test_table_is_aligned_whatever_the_label(found):
    results = Results(8, "pil_bicubic", {"two": found})
    for label in ("x", "a/very/long/path/to/some/run"):
        lines = score_table(results, "two", label).splitlines()
        assert lines[2].index("22.500") == lines[3].index("26.000") == lines[4].index("+3.500")


def test_csv_has_one_line_an_image_and_reads_back(found, tmp_path):
    write_csv(found, tmp_path / "eval" / "two.csv")
    with (tmp_path / "eval" / "two.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["a, b.png", "c.png"]
    assert [path.name for path in (tmp_path / "eval").iterdir()] == ["two.csv"]
    for protocol in ("sfmnet", "rgb"):
        for suffix, scores in (("", found.model), ("_bicubic", found.bicubic)):
            for metric in ("psnr", "ssim"):
                column = [float(row[f"{protocol}{suffix}_{metric}"]) for row in rows]
                np.testing.assert_allclose(column, getattr(scores[protocol], metric), atol=1e-6)
