from pathlib import Path

import pytest

from smlnet_jax.errors import UserError
from smlnet_jax.evaluation import pairing
from smlnet_jax.evaluation.pairing import pair_folders


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Makes sr/ and hr/ with empty files: pairing looks at names only."""
    monkeypatch.chdir(tmp_path)

    def make(sr: str, hr: str) -> tuple[Path, Path]:
        for folder, names in (("sr", sr), ("hr", hr)):
            Path(folder).mkdir()
            for name in names.split():
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                (Path(folder) / name).touch()
        return Path("sr"), Path("hr")

    return make


def test_names_pair_whatever_the_extension_and_the_order(folders):
    pairs = pair_folders(*folders("b.png sub/c.png a.PNG notes.txt", "a.jpg b.jpeg sub/c.webp .hidden.png"))
    assert [(pair.name, pair.sr.name) for pair in pairs] == [
        ("a.jpg", "a.PNG"),
        ("b.jpeg", "b.png"),
        ("sub/c.webp", "c.png"),
    ]


def test_suffix_is_taken_off_the_results(folders):
    pairs = pair_folders(*folders("a_x8.png b_x8_x8.png", "a.png b_x8.png"), suffix="_x8")
    assert [(pair.hr.name, pair.sr.name) for pair in pairs] == [
        ("a.png", "a_x8.png"),
        ("b_x8.png", "b_x8_x8.png"),
    ]


def test_names_without_a_partner_are_listed_for_each_side(folders):
    with pytest.raises(UserError) as told:
        pair_folders(*folders("a.png b.png x/c.png", "a.png d.png x/e.png"))
    assert str(told.value).splitlines() == [
        "sr and hr do not pair by name; nothing was scored",
        "  only in sr (2): b, x/c",
        "  only in hr (2): d, x/e",
    ]


def test_result_without_the_suffix_is_listed_under_its_whole_name(folders):
    with pytest.raises(UserError, match=r"only in sr \(1\): b\.png\n  only in hr \(1\): b$"):
        pair_folders(*folders("a_x8.png b.png", "a.png b.png"), suffix="_x8")


def test_suffix_that_all_results_share_is_proposed(folders):
    with pytest.raises(UserError, match=r"try --suffix=_x8$"):
        pair_folders(*folders("a_x8.png b_x8.png", "a.png b.png c.png"))


def test_no_suffix_is_proposed_where_results_share_none(folders):
    with pytest.raises(UserError) as told:
        pair_folders(*folders("a_x8.png b_x4.png", "a.png b.png"))
    assert "suffix" not in str(told.value)


def test_long_list_ends_in_a_count(folders, monkeypatch):
    monkeypatch.setattr(pairing, "LISTED", 2)
    with pytest.raises(UserError, match=r"only in hr \(4\): b, c and 2 more"):
        pair_folders(*folders("a.png", "a.png b.png c.png d.png e.png"))


def test_two_files_of_one_name_are_refused(folders):
    with pytest.raises(UserError, match=r"both a\.jpg and a\.png"):
        pair_folders(*folders("a.png a.jpg", "a.png"))


def test_folder_that_is_none_or_empty_is_refused(folders):
    sr, hr = folders("a.png", "readme.txt")
    for first, second, sentence in (
        (sr, hr, "hr holds no JPEG, PNG or WebP image"),
        (sr / "a.png", sr, "is a file"),
        (Path("gone"), sr, "gone is not there"),
    ):
        with pytest.raises(UserError, match=sentence):
            pair_folders(first, second)
