"""`smlnet data prepare`: what it packs, what it refuses, and that it leaves nothing half done."""

import csv
import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smlnet_jax.cli import main
from smlnet_jax.data import prepare
from smlnet_jax.data.records import RecordSource
from smlnet_jax.data.sources import centre_square, open_source
from smlnet_jax.errors import UserError


def _prepare(*arguments) -> int:
    return main(["data", "prepare", *map(str, arguments)])


def _manifest(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _names(folder: Path) -> list[str]:
    source = RecordSource(folder)
    return [source[i].name for i in range(len(source))]


def test_packed_faces_are_the_folders_byte_for_byte(tmp_path, divided, capsys):
    out = tmp_path / "out"
    assert _prepare(divided, "-o", out) == 0
    for split, count in (("train", 6), ("val", 2), ("test", 2)):
        folder, packed = open_source(str(divided / split)), RecordSource(out / split)
        assert len(folder) == len(packed) == count
        for i, (name, image) in enumerate(folder):
            assert packed.read(i) == (name, (divided / split / name).read_bytes())
            assert np.array_equal(packed[i].image, image)
    assert "10 faces packed, 0 skipped" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == {"train", "val", "test", "manifest.csv"}


def test_manifest_says_what_was_packed(tmp_path, divided):
    (divided / "manifest.csv").write_text("file,person\n" + "train/a.png,Zoë\n" + "val/g.png,Bob\n")
    _prepare(divided, "-o", tmp_path / "out")
    rows = _manifest(tmp_path / "out")
    assert [row["file"] for row in rows][:2] == ["train/a.png", "train/b.png"]
    assert rows[0] == {
        "file": "train/a.png",
        "split": "train",
        "person": "Zoë",
        "sha256": hashlib.sha256((divided / "train/a.png").read_bytes()).hexdigest(),
        "width": "32",
        "height": "32",
    }


def test_people_of_a_real_layout_come_from_the_manifest_above(faces, tmp_path, capsys):
    assert _prepare("--split", f"val={faces}/celeba/val", "-o", tmp_path / "out") == 0
    assert all(row["person"] for row in _manifest(tmp_path / "out"))
    assert "499 faces" in capsys.readouterr().out


def test_splits_can_be_named_one_by_one(tmp_path, divided):
    out = tmp_path / "out"
    assert _prepare("--split", f"a={divided}/train", "--split", f"b={divided}/test", "-o", out) == 0
    assert _names(out / "a") == [f"{name}.png" for name in "abcdef"]
    assert _names(out / "b") == ["i.png", "j.png"]


def test_names_with_spaces_and_letters_of_all_kinds_survive(tmp_path, write_face):
    names = ["ünder 1.png", "日本/a b.jpg", "x,\"y'.png"]
    for seed, name in enumerate(names):
        write_face(tmp_path / "in" / name, 16, seed=seed)
    assert _prepare("--split", f"train={tmp_path / 'in'}", "-o", tmp_path / "out put") == 0
    assert sorted(_names(tmp_path / "out put" / "train")) == sorted(names)
    assert sorted(row["file"] for row in _manifest(tmp_path / "out put")) == sorted(
        f"train/{n}" for n in names
    )


def test_heap_is_divided_by_person(tmp_path, write_face):
    for person in range(10):
        for image in range(3):
            write_face(tmp_path / "in" / f"p{person}" / f"{image}.png", 16, seed=3 * person + image)
    out = tmp_path / "out"
    assert _prepare(tmp_path / "in", "--val-fraction", 0.2, "--person-from", "parent", "-o", out) == 0
    people = {split: {name.split("/")[0] for name in _names(out / split)} for split in ("train", "val")}
    assert len(people["val"]) == 2 and len(people["train"]) == 8
    assert not people["val"] & people["train"]


def test_size_cuts_the_centre_and_keeps_files_that_have_it(tmp_path, write_face):
    large = write_face(tmp_path / "in/large.png", 50, 40)
    exact = write_face(tmp_path / "in/exact.jpg", 32, quality=30)
    for encode, kind in (("png", "PNG"), ("jpeg", "JPEG")):
        out = tmp_path / encode
        assert _prepare("--split", f"t={tmp_path / 'in'}", "--size", 32, "--encode", encode, "-o", out) == 0
        source = RecordSource(out / "t")
        assert source.read(0) == ("exact.jpg", exact.read_bytes())
        assert Image.open(io.BytesIO(source.read(1)[1])).format == kind
        expected = centre_square(np.asarray(Image.open(large)), 32).astype(int)
        assert np.abs(source[1].image - expected).max() <= (0 if encode == "png" else 12)


def test_unusable_faces_are_named_counted_and_left_out(tmp_path, divided, write_face, capsys):
    (divided / "train/a.png").write_bytes((divided / "train/a.png").read_bytes()[:500])
    (divided / "train/b.png").write_text("no image")
    write_face(divided / "val/ü small.png", 31, seed=77)
    (divided / "val/dangling.png").symlink_to(divided / "nowhere.png")
    out = tmp_path / "out"
    assert _prepare(divided, "-o", out, "--min-size", 32) == 0

    assert _names(out / "train") == ["c.png", "d.png", "e.png", "f.png"]
    printed = capsys.readouterr()
    assert "8 faces packed, 3 skipped" in printed.out
    assert "skipped: val/ü small.png is 31x31, smaller than 32x32" in printed.err
    with (out / "skipped.csv").open(encoding="utf-8", newline="") as lines:
        skipped = {row["file"]: row["reason"] for row in csv.DictReader(lines)}
    assert set(skipped) == {"train/a.png", "train/b.png", "val/ü small.png"}
    assert skipped["train/b.png"] == "is no JPEG, PNG or WebP image"
    assert skipped["train/a.png"].startswith("cannot be decoded (")


def test_equal_files_that_are_no_images_are_skipped(tmp_path, divided, capsys):
    (divided / "train/a.png").write_bytes(b"")
    (divided / "val/x y.png").write_bytes(b"")
    assert _prepare(divided, "-o", tmp_path / "out") == 0
    assert "skipped: val/x y.png" in capsys.readouterr().err


def test_name_that_is_not_utf_8_is_skipped_and_told(tmp_path, divided, capsys):
    name = os.fsdecode(b"caf\xe9.png")
    (divided / "train/a.png").rename(divided / "train" / name)
    assert _prepare(divided, "-o", tmp_path / "out") == 0
    assert "has a name that is not UTF-8" in capsys.readouterr().err
    assert "caf\\udce9.png" in (tmp_path / "out/skipped.csv").read_text("utf-8")


def test_split_of_which_nothing_can_be_read_is_refused(tmp_path, divided, monkeypatch, capsys):
    read = prepare.splits.read

    def without_val(entry):
        if entry.split == "val":
            raise UserError(f"{entry.file} cannot be read (Input/output error); restore it, or drop it")
        return read(entry)

    monkeypatch.setattr(prepare.splits, "read", without_val)
    assert _prepare(divided, "-o", tmp_path / "out") == 2
    assert "no face is left in val: 2 were skipped, e.g. val/" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_empty_split_is_told_with_a_face_of_its_own(tmp_path, divided, capsys):
    (divided / "train/a.png").write_text("no image")
    for file in (divided / "val").iterdir():
        file.write_text(f"no image of {file.name}")
    assert _prepare(divided, "-o", tmp_path / "out") == 2
    assert "no face is left in val: 2 were skipped, e.g. val/" in capsys.readouterr().err


def test_file_that_vanishes_meanwhile_is_skipped(tmp_path, divided, monkeypatch, capsys):
    divide = prepare.splits.refuse_shared
    monkeypatch.setattr(
        prepare.splits,
        "refuse_shared",
        lambda entries: (divide(entries), (divided / "train/a.png").unlink(missing_ok=True)),
    )
    assert _prepare(divided, "-o", tmp_path / "out") == 0
    assert "train/a.png cannot be read (No such file or directory)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--min-size", "33"],
            "no face is left in test and train and val: 10 were skipped, e.g. train/a.png is 32x32",
        ),
        (["--size", "64"], "no face is left"),
        (["--size", "0"], "--size 0 must be above 0"),
        (["--encode", "png"], "--encode is for faces that --size changes"),
        (
            ["--size", "32", "--min-size", "16"],
            "--min-size 16 lets faces through that --size 32 would enlarge",
        ),
        (["--person-from", "parent"], "--person-from parent names nobody"),
        (["--val-fraction", "0.1"], "is divided already"),
        (["--val-fraction", "1.5"], "must be between 0 and 1"),
        (["--split", "a=b"], "give either the FOLDER"),
        (["--people", "nowhere.csv"], "nowhere.csv cannot be read"),
    ],
)
def test_what_makes_no_sense_is_told_and_nothing_is_written(tmp_path, divided, capsys, arguments, message):
    assert _prepare(divided, "-o", tmp_path / "out", *arguments) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and message in error
    assert {path.name for path in tmp_path.iterdir()} == {"faces"}


@pytest.mark.parametrize("text", ["train", "a/b=x", "=x", "a="])
def test_split_must_be_a_name_and_a_folder(tmp_path, capsys, text):
    assert _prepare("--split", text, "-o", tmp_path / "out") == 2
    assert "must be NAME=FOLDER" in capsys.readouterr().err


def test_shared_person_is_refused_before_any_file_is_read(tmp_path, divided, capsys, monkeypatch):
    monkeypatch.setattr(prepare.splits, "read", None)
    (divided / "people.csv").write_text("file,person\ntrain/a.png,Ann\ntest/i.png,Ann\ntest/j.png,Bob\n")
    assert _prepare(divided, "-o", tmp_path / "out", "--people", divided / "people.csv") == 2
    assert "1 person is in more than one split: Ann (test and train)" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_shared_file_is_refused_under_another_name(tmp_path, divided, capsys):
    (divided / "val/x y.png").write_bytes((divided / "train/c.png").read_bytes())
    assert _prepare(divided, "-o", tmp_path / "out") == 2
    assert "train/c.png = val/x y.png" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_people_list_that_fits_no_face_is_refused(tmp_path, divided, capsys):
    (tmp_path / "people.csv").write_text("file,person\nsomewhere/else.png,Ann\n")
    assert _prepare(divided, "-o", tmp_path / "out", "--people", tmp_path / "people.csv") == 2
    assert "names nobody in these folders" in capsys.readouterr().err


def test_only_an_earlier_pack_is_overwritten(tmp_path, divided, capsys):
    out = tmp_path / "out"
    assert _prepare(divided, "-o", out) == 0
    assert _prepare(divided, "-o", out) == 2
    assert "holds packed faces already" in capsys.readouterr().err
    (divided / "val/g.png").unlink()
    assert _prepare(divided, "-o", out, "--overwrite") == 0
    assert _names(out / "val") == ["h.png"]

    (out / "notes.txt").write_text("mine")
    assert _prepare(divided, "-o", out, "--overwrite") == 2
    assert "holds other files (notes.txt)" in capsys.readouterr().err
    assert _prepare(divided, "-o", divided, "--overwrite") == 2
    assert "holds other files" in capsys.readouterr().err


def test_failed_overwrite_leaves_the_earlier_pack(tmp_path, divided):
    out = tmp_path / "out"
    assert _prepare(divided, "-o", out) == 0
    before = (out / "manifest.csv").read_bytes()
    assert _prepare(divided, "-o", out, "--overwrite", "--min-size", 99) == 2
    assert (out / "manifest.csv").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"faces", "out"}


def test_packed_folder_is_not_packed_again(tmp_path, divided, capsys):
    assert _prepare(divided, "-o", tmp_path / "out") == 0
    assert _prepare(tmp_path / "out", "-o", tmp_path / "again") == 2
    assert "holds packed faces" in capsys.readouterr().err


def test_many_faces_are_spread_over_files_in_order(tmp_path, divided, monkeypatch):
    monkeypatch.setattr(prepare, "FACES_PER_FILE", 4)
    monkeypatch.setattr(prepare, "_AHEAD", 3)
    assert _prepare(divided, "-o", tmp_path / "out") == 0
    assert len(list((tmp_path / "out/train").iterdir())) == 2
    assert _names(tmp_path / "out/train") == [f"{name}.png" for name in "abcdef"]
