"""Who is who, and that no person and no file is in two splits."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smlnet_jax.data.splits import (
    Entry,
    by_list,
    by_manifest,
    by_parent,
    divide,
    find,
    hashed,
    refuse_shared,
    split_folders,
)
from smlnet_jax.errors import UserError


def _entry(split: str, name: str, person: str = "", sha256: str = "") -> Entry:
    return Entry(split, name, Path(name), person, sha256)


def test_splits_are_the_subfolders_of_that_name(divided):
    (divided / "other").mkdir()
    assert list(split_folders(divided)) == ["train", "val", "test"]
    entries = find(split_folders(divided), by_manifest)
    assert [entry.file for entry in entries][:2] == ["train/a.png", "train/b.png"]
    assert {entry.person for entry in entries} == {""}


def test_folder_without_splits_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no train/, val/ or test/"):
        split_folders(tmp_path)
    with pytest.raises(UserError, match="is not there"):
        split_folders(tmp_path / "x")


@pytest.mark.parametrize(
    ("place", "prefix"),
    [("faces/train/people.csv", ""), ("faces/people.csv", "train/"), ("people.csv", "faces/train/")],
)
def test_list_names_files_relative_to_itself(tmp_path, divided, place, prefix):
    (tmp_path / place).write_text(f"file,extra,person\n{prefix}a.png,1,Ann\n{prefix}b.png,2,\n")
    person_of = by_list(tmp_path / place, divided / "train")
    assert [person_of(name) for name in ("a.png", "b.png", "c.png")] == ["Ann", "", ""]


@pytest.mark.parametrize("name", ["a.png", "train/a.png"])
def test_list_names_files_relative_to_the_split_too(tmp_path, divided, name):
    (tmp_path / "elsewhere").mkdir()
    file = tmp_path / "elsewhere/people.csv"
    file.write_text(f"\ufefffile,person\n{name},Zoë Ünder\n", encoding="utf-8")  # with Excel's mark
    assert by_list(file, divided / "train")("a.png") == "Zoë Ünder"


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_manifest_is_found_in_the_split_beside_it_and_one_up(divided, depth):
    folder = divided / "train"
    place = [folder, folder.parent, folder.parent.parent][depth]
    (place / "manifest.csv").write_text(f"file,person\n{['', 'train/', 'faces/train/'][depth]}a.png,Ann\n")
    assert by_manifest(folder)("a.png") == "Ann"


def test_manifest_of_other_columns_names_nobody(divided):
    (divided / "manifest.csv").write_text("name,size\na.png,3\n")
    assert by_manifest(divided / "train")("a.png") == ""
    with pytest.raises(UserError, match="has no columns `file` and `person`"):
        by_list(divided / "manifest.csv", divided / "train")


def test_list_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match=r"no\.csv cannot be read"):
        by_list(tmp_path / "no.csv", tmp_path)


def test_person_from_parent_is_the_subfolder():
    person_of = by_parent(Path("train"))
    assert [person_of(name) for name in ("Ann/1.png", "a/Bob/1.png", "1.png")] == ["Ann", "Bob", ""]


def test_shared_people_are_named_with_their_splits():
    entries = [_entry("train", f"{i}", f"p{i}") for i in range(9)]
    refuse_shared(entries)
    refuse_shared([*entries, _entry("train", "x", "p1"), _entry("val", "y"), _entry("test", "z")])
    with pytest.raises(UserError, match=r"^1 person is in more than one split: p1 \(train and val\); leave"):
        refuse_shared([*entries, _entry("val", "x", "p1")])
    with pytest.raises(UserError, match=r"^9 people are .*p4 \(test and train\), \.\.\.; leave"):
        refuse_shared([*entries, *(_entry("test", f"{i}", f"p{i}") for i in range(9))])


def test_shared_files_are_named_whatever_they_are_called():
    entries = [
        _entry("train", "a", sha256="1"),
        _entry("train", "b", sha256="1"),
        _entry("val", "c", sha256="2"),
    ]
    refuse_shared(entries)
    with pytest.raises(UserError, match=r"^1 file is in more than one split: train/b = test/ü d; leave"):
        refuse_shared([*entries, _entry("test", "ü d", sha256="1")])


def test_equal_files_have_equal_hashes(divided):
    entries = [hashed(entry) for entry in find(split_folders(divided), by_manifest)]
    assert len({entry.sha256 for entry in entries}) == 10
    (divided / "val/copy.png").write_bytes((divided / "train/a.png").read_bytes())
    with pytest.raises(UserError, match=r"train/a\.png = val/copy\.png"):
        refuse_shared(map(hashed, find(split_folders(divided), by_manifest)))


@given(
    people=st.lists(st.sampled_from(["", "Ann", "Bob", "Cem", "Dan"]), min_size=2, max_size=60),
    fraction=st.floats(0.01, 0.9),
)
def test_divided_faces_share_neither_people_nor_files(people, fraction):
    entries = [_entry("train", f"{i}.png", person, f"hash {i // 2}") for i, person in enumerate(people)]
    try:
        found = divide(entries, fraction)
    except UserError:  # all faces hang together, as one person's or through equal files
        return
    refuse_shared(found)
    assert {entry.name for entry in found} == {entry.name for entry in entries}
    assert 0 < sum(entry.split == "val" for entry in found) < len(found)


def test_val_gets_no_more_than_its_part_unless_the_smallest_person_has_more():
    entries = [_entry("train", f"{i}.png", f"p{i // 10}", f"{i}") for i in range(100)]
    for fraction, count in ((0.05, 10), (0.1, 10), (0.35, 30), (0.9, 90)):
        assert sum(entry.split == "val" for entry in divide(entries, fraction)) == count


def test_division_needs_two_people():
    with pytest.raises(UserError, match="all faces are of one person"):
        divide([_entry("train", f"{i}.png", "Ann", f"{i}") for i in range(9)], 0.1)


def test_division_does_not_depend_on_the_order_of_files():
    entries = [_entry("train", f"{i}.png", f"p{i // 3}", f"{i}") for i in range(60)]
    one, other = divide(entries, 0.2), divide(entries[::-1], 0.2)
    assert sorted(one) == sorted(other)
    assert 6 <= sum(entry.split == "val" for entry in one) <= 12
