"""Each benchmark runs, and what it writes can be compared."""

import json

import pytest

from benchmarks import compare, lowerings, model, pipeline
from benchmarks.timing import Ratio, Timing, interleaved


@pytest.mark.parametrize("benchmark", [lowerings, model, pipeline], ids=lambda module: module.__name__)
def test_benchmark_runs_and_agrees_with_itself(benchmark, tmp_path):
    path = tmp_path / "figures.json"
    assert benchmark.main(["--quick", "--json", str(path)]) == 0
    assert compare.main([str(path), str(path)]) == 0
    rows = json.loads(path.read_text())["rows"]
    assert rows
    assert all(row["seconds"] > 0 and row["ratio"] > 0 for row in rows.values())


def figures(path, benchmark="model", **ratios):
    path.write_text(
        json.dumps({"benchmark": benchmark, "rows": {k: {"ratio": v} for k, v in ratios.items()}})
    )
    return str(path)


def test_drop_beyond_the_tolerance_fails_by_name(tmp_path, capsys):
    before = figures(tmp_path / "a.json", forward=0.50, training=0.40)
    after = figures(tmp_path / "b.json", forward=0.42, training=0.36)
    assert compare.main([before, after]) == 1
    slower = [line for line in capsys.readouterr().out.splitlines() if "SLOWER" in line]
    assert len(slower) == 1
    assert slower[0].startswith("forward")
    assert compare.main([before, after, "--tolerance", "0.2"]) == 0


def test_missing_row_fails(tmp_path):
    before = figures(tmp_path / "a.json", forward=0.5, training=0.4)
    assert compare.main([before, figures(tmp_path / "b.json", forward=0.5)]) == 1


@pytest.mark.parametrize("text", ["", "[]", '{"rows": {}}', '{"benchmark": "model"}'])
def test_file_of_something_else_is_refused_by_name(tmp_path, capsys, text):
    (tmp_path / "b.json").write_text(text)
    assert compare.main([figures(tmp_path / "a.json", forward=0.5), str(tmp_path / "b.json")]) == 2
    assert "b.json" in capsys.readouterr().err


def test_files_of_two_benchmarks_are_refused(tmp_path, capsys):
    before = figures(tmp_path / "a.json", forward=0.5)
    assert compare.main([before, figures(tmp_path / "b.json", "pipeline", forward=0.5)]) == 2
    assert "benchmarks.pipeline" in capsys.readouterr().err


def test_calls_take_turns():
    order = []
    times = interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, seconds=0, rounds=4)
    assert "".join(order) == "ab" + "abba" * 2
    assert [len(times[name].seconds) for name in "ab"] == [4, 4]


def test_one_disturbed_round_does_not_move_a_ratio():
    ours, theirs = Timing((1.0, 1.1, 9.0, 1.0, 1.1)), Timing((2.0, 2.2, 2.0, 2.0, 2.2))
    assert Ratio.of(ours, theirs).median == pytest.approx(2.0)
