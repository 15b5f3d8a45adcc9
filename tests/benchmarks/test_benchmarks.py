"""Each benchmark runs, and what it writes can be compared."""

import json
import subprocess
from xml.etree import ElementTree

import pytest

from benchmarks import all as everything
from benchmarks import compare, end_to_end, growth, lowerings, model, pipeline
from benchmarks.loglog import Line, plot
from benchmarks.timing import Ratio, Timing, interleaved
from smlnet_jax.errors import UserError


@pytest.mark.parametrize(
    "benchmark",
    [
        pipeline,
        growth,
        *(pytest.param(one, marks=pytest.mark.slow) for one in (lowerings, model, end_to_end)),
    ],
    ids=lambda module: module.__name__,
)
def test_benchmark_runs_and_agrees_with_itself(benchmark, tmp_path):
    path = tmp_path / "figures.json"
    assert benchmark.main(["--quick", "--json", str(path)]) == 0
    assert compare.main([str(path), str(path)]) == 0
    rows = json.loads(path.read_text())["rows"]
    assert rows
    assert all(row["seconds"] > 0 and row["ratio"] > 0 for row in rows.values())


@pytest.mark.parametrize(
    ("benchmark", "flag"),
    [(model, "--variants=smlnet_ss"), (growth, "--variant=smlnet_ss"), (end_to_end, "--variant=smlnet_ss")],
)
def test_variant_that_is_not_there_is_one_sentence(benchmark, flag, capsys):
    assert benchmark.main([flag]) == 2
    assert "model.name='smlnet_ss' is unknown; did you mean smlnet_s" in capsys.readouterr().err


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


@pytest.mark.parametrize(
    "text", ["", "[]", '{"benchmark": "model", "rows": []}', '{"rows": {}}', '{"benchmark": "model"}']
)
def test_file_of_something_else_is_refused_by_name(tmp_path, capsys, text):
    (tmp_path / "b.json").write_text(text)
    assert compare.main([figures(tmp_path / "a.json", forward=0.5), str(tmp_path / "b.json")]) == 2
    assert "b.json" in capsys.readouterr().err


def test_number_that_is_none_is_not_fast(tmp_path):
    before = figures(tmp_path / "a.json", forward=0.5)
    assert compare.main([before, figures(tmp_path / "b.json", forward=float("nan"))]) == 1


def test_files_of_two_settings_are_refused(tmp_path, capsys):
    paths = [tmp_path / name for name in ("a.json", "b.json")]
    for path, dtype in zip(paths, ("float32", "bfloat16"), strict=True):
        figures(path, forward=0.5)
        path.write_text(json.dumps({**json.loads(path.read_text()), "dtype": dtype}))
    assert compare.main([*map(str, paths)]) == 2
    assert "was made with dtype float32" in capsys.readouterr().err


def test_files_of_two_benchmarks_are_refused(tmp_path, capsys):
    before = figures(tmp_path / "a.json", forward=0.5)
    assert compare.main([before, figures(tmp_path / "b.json", "pipeline", forward=0.5)]) == 2
    assert "benchmarks.pipeline" in capsys.readouterr().err


def test_folder_is_compared_file_by_file(tmp_path, capsys):
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    for name in ("model", "growth"):
        figures(before / f"{name}.json", name, forward=0.5)
        figures(after / f"{name}.json", name, forward=0.5 if name == "model" else 0.3)
    assert compare.main([str(before), str(after)]) == 1
    assert capsys.readouterr().out.count("SLOWER") == 1
    (after / "growth.json").unlink()
    assert compare.main([str(before), str(after)]) == 2  # what is not there was not fast
    assert compare.main([str(after / "nothing"), str(after)]) == 2


def test_figures_of_another_machine_are_said_to_be(tmp_path, capsys):
    before, after = (tmp_path / name for name in ("a.json", "b.json"))
    for path, device in ((before, "H100"), (after, "H200")):
        figures(path, forward=0.5)
        path.write_text(json.dumps({**json.loads(path.read_text()), "machine": {"device": device}}))
    assert compare.main([str(before), str(after)]) == 0
    assert "measured on H100, then on H200" in capsys.readouterr().out


def test_every_benchmark_is_run_and_a_failure_is_told(tmp_path, monkeypatch, capsys):
    commands = []

    def run(command, check):
        commands.append(command)
        return subprocess.CompletedProcess(command, returncode=command[2] == "benchmarks.model")

    monkeypatch.setattr(everything.subprocess, "run", run)
    assert everything.main(["--json", str(tmp_path), "--quick"]) == 1
    assert [command[2] for command in commands] == [f"benchmarks.{name}" for name in everything.BENCHMARKS]
    assert all(command[-1] == "--quick" for command in commands)
    assert "failed: model" in capsys.readouterr().err


def test_largest_batch_leaves_a_fifth_of_the_memory_free():
    measured = {1: 110.0, 8: 180.0, 64: 740.0}  # 100, and 10 for each image
    assert model.largest_batch(measured, 10_000) == 784  # eights up to (8,000 - 100) / 10
    assert model.largest_batch(measured, 100) == 64
    with pytest.raises(UserError, match="1,8,fits"):
        model.largest_batch({1: 110.0}, 10_000)


def test_exponent_of_a_power_law():
    pixels = [64**2, 128**2, 256**2]
    cost = [3 * n**1.25 for n in pixels]
    assert growth.exponent(pixels, cost) == pytest.approx(1.25)
    assert growth.steps_between(pixels, cost) == pytest.approx([1.25, 1.25])


def test_plot_is_svg_with_every_line_and_point():
    lines = [Line("a < b", (64, 128, 256), (1.0, 4.0, 16.0)), Line("c", (64, 128, 256), (30.0, 20.0, 900.0))]
    root = ElementTree.fromstring(plot(lines, "title", "side"))
    assert len([part for part in root if part.tag.endswith("circle")]) == 6
    texts = [part.text for part in root if part.tag.endswith("text")]
    assert {"a < b", "c", "title", "side", "64", "256"} <= set(texts)


def test_calls_take_turns():
    order = []
    times = interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, seconds=0, rounds=4)
    assert "".join(order) == "ab" + "abba" * 2
    assert [len(times[name].seconds) for name in "ab"] == [4, 4]


def test_one_disturbed_round_does_not_move_a_ratio():
    ours, theirs = Timing((1.0, 1.1, 9.0, 1.0, 1.1)), Timing((2.0, 2.2, 2.0, 2.0, 2.2))
    assert Ratio.of(ours, theirs).median == pytest.approx(2.0)
