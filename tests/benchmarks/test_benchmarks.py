"""Each benchmark runs, and what it writes can be compared."""

import importlib
import json
import subprocess
import types
from pathlib import Path
from xml.etree import ElementTree

import jax
import numpy as np
import pytest

from benchmarks import all as everything
from benchmarks import arguments, compare, end_to_end, growth, lowerings, model, pipeline
from benchmarks.loglog import Line, plot
from benchmarks.timing import Matmul, Ratio, Timing, compilations, interleaved
from smlnet_jax.models import create


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


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("row", [{}, {"ratio": 0}, {"ratio": None}, {"ratio": -0.5}, {"ratio": "0.5"}, None])
def test_row_without_a_ratio_is_named(tmp_path, capsys, side, row):
    paths = {name: figures(tmp_path / f"{name}.json", forward=0.5) for name in ("before", "after")}
    bad = tmp_path / f"{side}.json"
    bad.write_text(json.dumps({"benchmark": "model", "rows": {"forward": row}}))
    assert compare.main([*paths.values()]) == 2
    assert f"{bad}: the row 'forward' has no ratio above 0" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["15", "1", "-0.1", "nan", "much"])
def test_tolerance_that_lets_everything_pass_is_refused(tmp_path, capsys, text):
    path = figures(tmp_path / "a.json", forward=0.5)
    with pytest.raises(SystemExit, match="2"):
        compare.main([path, path, "--tolerance", text])
    assert f"{text} must be a share below 1, such as 0.15 for 15 %" in capsys.readouterr().err


def test_ratios_to_two_yardsticks_are_refused(tmp_path, capsys):
    paths = [tmp_path / name for name in ("a.json", "b.json")]
    for path, to in zip(paths, ("a copy", "a product"), strict=True):
        path.write_text(
            json.dumps({"benchmark": "model", "rows": {"forward": {"ratio": 1.0, "ratio_to": to}}})
        )
    assert compare.main([*map(str, paths)]) == 2
    assert "'forward' is a ratio to a copy in" in capsys.readouterr().err


def test_twice_the_work_at_half_the_speed_is_slower(tmp_path):
    one, two = Timing((1.0,) * 5), Timing((2.0,) * 5)
    matmul = types.SimpleNamespace(flops=1e12, unit="product")
    paths = []
    for name, timing, macs in (("a", one, 10**9), ("b", two, 2 * 10**9)):
        found = model.speed(timing, one, matmul, images=8, flops=2 * macs * 8)
        assert found["of_matmul"] == pytest.approx(0.016)  # as busy as before
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps({"benchmark": "model", "rows": {"forward": found}}))
    assert compare.main([*map(str, paths)]) == 1


BASELINES = sorted(Path(compare.__file__).parent.glob("baselines/*/*.json"))


def rows_of_today(benchmark):
    """Names of the rows that `python -m benchmarks.all` makes, without timing one."""
    args = importlib.import_module(f"benchmarks.{benchmark}").parser().parse_args([])
    if benchmark == "model":
        return {one.name for one in model.plan(args)}
    if benchmark == "growth":
        network = create(args.variant)
        return {point.name for point in growth.points(network, args.sizes, args.batches, step=args.step)}
    if benchmark == "lowerings":
        return {
            pair.name + suffix for pair in lowerings.pairs(1, 8, 8) for suffix in ("", lowerings.GRADIENT)
        }
    assert benchmark == "end_to_end"
    return {f"{args.variant}, batch {args.batch_size}"}


@pytest.mark.parametrize("path", BASELINES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_committed_baseline_can_be_compared_with_what_the_benchmarks_write_today(path):
    found = compare.load(path)
    assert found["benchmark"] == path.stem
    assert found["rows"].keys() <= rows_of_today(path.stem)
    written = {
        "model": {"size", "dtype", "fft_impl"},
        "growth": {"variant", "dtype", "fft_impl"},
        "end_to_end": {"threads", "dtype", "fft_impl", "size"},
        "lowerings": {"dtype", "shape"},
    }
    assert found.keys() - compare.MEASURED == written[path.stem]
    defaults = vars(importlib.import_module(f"benchmarks.{path.stem}").parser().parse_args([]))
    for setting in written[path.stem] - {"shape"}:
        assert found[setting] == defaults[setting]
    if path.stem in ("model", "growth"):
        assert {row["ratio_to"] for row in found["rows"].values()} == {Matmul(8).unit}


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


@pytest.mark.parametrize(
    ("benchmark", "flags", "sentence"),
    [
        (model, "--batches abc", "argument --batches: 'abc' must be a whole number above 0"),
        (model, "--batches 0", "argument --batches: '0' must be a whole number above 0"),
        (model, "--batches -3", "argument --batches"),
        (model, "--batches=-3", "argument --batches: '-3' must be a whole number above 0"),
        (
            model,
            "--batches 1,fits",
            "argument --batches: '1,fits': `fits` goes on from two batches before it",
        ),
        (model, "--train-batches fits", "argument --train-batches: 'fits': `fits` goes on from two batches"),
        (model, "--size 0", "argument --size: '0' must be a whole number above 0"),
        (model, "--variants smlnet,", "argument --variants: 'smlnet,' must be values with one comma between"),
        (growth, "--sizes x", "argument --sizes: 'x' must be a whole number above 0"),
        (growth, "--sizes=", "argument --sizes: '' must be values"),
        (
            growth,
            "--sizes 64,64",
            "argument --sizes: '64,64' must be values with one comma between, each once",
        ),
        (growth, "--batches 0", "argument --batches: '0' must be a whole number above 0"),
        (end_to_end, "--steps 0", "argument --steps: '0' must be a whole number above 0"),
        (end_to_end, "--guard 95", "argument --guard: 95 must be a share below 1"),
        (pipeline, "--batch-size 0", "argument --batch-size: '0' must be a whole number above 0"),
        (everything, "--json x --only modell", "argument --only: modell is not one of lowerings, pipeline, "),
        (everything, "--json x --size 8", "unrecognized arguments: --size 8"),
    ],
)
def test_mistaken_flag_is_one_sentence(benchmark, flags, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        benchmark.main(flags.split())
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("benchmark", "flags", "sentence"),
    [
        (
            model,
            "--variants smlnet,sfmnet --size 100",
            "--size 100: smlnet takes images whose side 16 divides",
        ),
        (model, "--quick --variants nonsense", "model.name='nonsense' is unknown"),
        (model, "--variants edsr --fft-impl dft", "config.model.fft_impl is of another network"),
        (model, "--batches= --train-batches=", "there is nothing to time"),
        (growth, "--sizes 64,100", "--sizes 100: smlnet_lite takes images whose side 32 divides"),
        (growth, "--sizes 64", "--sizes 64: an exponent takes two sizes or more"),
        (end_to_end, "--size 100", "--size 100: smlnet_lite takes images whose side 32 divides"),
    ],
)
def test_what_a_network_cannot_take_is_refused_before_anything_is_timed(benchmark, flags, sentence, capsys):
    assert benchmark.main(flags.split()) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("benchmark", [lowerings, pipeline, model, end_to_end, growth])
def test_file_that_cannot_be_written_is_refused_before_anything_is_timed(benchmark, tmp_path, capsys):
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "figures.json"):
        with pytest.raises(SystemExit, match="2"):
            benchmark.main(["--json", str(path)])
        assert f"argument --json: {path} cannot be written" in capsys.readouterr().err


def test_file_that_can_be_written_is_left_as_it_is(tmp_path):
    arguments.output_file(str(tmp_path / "new" / "figures.json"))
    assert not list((tmp_path / "new").iterdir())
    (tmp_path / "old.json").write_text("figures")
    assert arguments.output_file(str(tmp_path / "old.json")).read_text() == "figures"


def test_every_flag_reaches_those_that_have_it(tmp_path, monkeypatch):
    commands = {}

    def run(command, check):
        name = command[2].removeprefix("benchmarks.")
        commands[name] = command[5:]
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(everything.subprocess, "run", run)
    given = {flag: f"{flag}={everything.CHOICES.get(flag, '1')[0]}" for flag in everything.FLAGS}
    assert everything.main(["--json", str(tmp_path), *given.values(), "--quick"]) == 0
    for name, flags in commands.items():
        module = importlib.import_module(f"benchmarks.{name}")
        known = module.parser().format_help()
        assert all(flag.partition("=")[0] in known for flag in flags), name
    for flag, takers in everything.FLAGS.items():
        assert [name for name in commands if given[flag] in commands[name]] == list(takers)


def test_compilation_is_counted():
    double = jax.jit(lambda x: 2 * x)
    small, large = np.ones(3), np.ones(4)
    double(small)
    with compilations() as found:
        double(small)
        assert not found
        double(large)
        assert len(found) == 1
    double(np.ones(5))
    assert len(found) == 1


def test_product_is_of_numbers_that_differ():
    matmul = Matmul(8)
    matmul.product = lambda *arrays: arrays
    assert all(len(np.unique(array)) == 64 for array in matmul.call())


def test_real_data_that_holds_training_back_is_said_and_fails_under_guard(capsys):
    slow, fast = (Ratio(median, (median, median)) for median in (0.90, 0.96))
    assert end_to_end.verdict(fast, 0.95) == end_to_end.verdict(fast, None) == 0
    assert not capsys.readouterr().err
    assert end_to_end.verdict(slow, None) == 0
    assert end_to_end.verdict(slow, 0.95) == 1
    assert capsys.readouterr().err.count("REAL DATA IS SLOWER than 95% of synthetic") == 2
    assert end_to_end.verdict(slow, 0.85) == 0


def test_rounding_is_no_difference_between_two_forms():
    pair = next(iter(lowerings.pairs(1, 8, 8)))
    on = {
        (dtype, platform): lowerings.allowed(pair, dtype, platform, backward=False)
        for dtype in ("float32", "bfloat16")
        for platform in ("cpu", "gpu", "tpu")
    }
    assert on["float32", "cpu"] == 1e-5
    # A product of a GPU keeps 10 bits of a float32, one of a TPU, and bfloat16 anywhere, 7.
    assert 2**-11 < on["float32", "gpu"] < 0.01 < on["float32", "tpu"] == on["bfloat16", "cpu"] < 0.1


def test_two_forms_are_equal_to_the_rounding_of_bfloat16():
    few = ("depthwise 3x3", "channel attention", "rfft2, DFT for FFT", "irfft2, DFT for FFT")  # for time
    for pair in lowerings.pairs(1, 4, 8, "bfloat16"):
        if pair.name not in few:
            continue
        off = lowerings.difference(pair.ours(*pair.inputs), pair.native(*pair.inputs))
        assert off <= lowerings.allowed(pair, "bfloat16", "cpu", backward=False), pair.name


def test_largest_batch_leaves_a_fifth_of_the_memory_free():
    measured = {1: 110.0, 8: 180.0, 64: 740.0}  # 100, and 10 for each image
    assert model.largest_batch(measured, 10_000) == 784  # eights up to (8,000 - 100) / 10
    assert model.largest_batch(measured, 100) == 64
    assert model.largest_batch({1: 110.0, 8: 110.0}, 10_000) == 8


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
