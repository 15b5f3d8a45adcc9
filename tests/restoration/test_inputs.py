import itertools
import os
import tracemalloc
from pathlib import Path

import pytest

from smlnet_jax.restoration.inputs import find_sources


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def _places(*inputs, **options) -> list[str]:
    return [str(source.place) for source in find_sources(inputs, **options) if source.problem is None]


def _problems(*inputs, **options) -> dict[str, str]:
    return {source.path.name: source.problem for source in find_sources(inputs, **options) if source.problem}


def test_folder_gives_its_pictures_by_name_and_passes_over_the_rest(tmp_path):
    _touch(
        *(
            tmp_path / name
            for name in ("b.JPG", "a.png", "notes.txt", ".hidden.png", "sub/c.tiff", "clip.mp4")
        )
    )
    assert _places(tmp_path) == ["a.png", "b.JPG"]
    assert _places(tmp_path, recursive=True) == ["a.png", "b.JPG", "sub/c.tiff"]
    assert _places(tmp_path, videos=True) == ["a.png", "b.JPG", "clip.mp4"]


def test_order_is_the_same_whatever_the_order_of_creation(tmp_path):
    for number, order in enumerate(itertools.permutations(["x/2.png", "x/1.png", "1.png"])):
        folder = tmp_path / str(number)
        _touch(*(folder / name for name in order))
        assert _places(folder, recursive=True) == ["1.png", "x/1.png", "x/2.png"]


def test_pattern_is_expanded_unless_a_file_has_that_very_name(tmp_path):
    _touch(tmp_path / "a[1].png", tmp_path / "a1.png", tmp_path / "deep/er/b.png")
    assert _places(str(tmp_path / "a[1].png")) == ["a[1].png"]
    assert _places(str(tmp_path / "*.png")) == ["a1.png", "a[1].png"]
    assert _places(str(tmp_path / "**" / "b.png")) == ["b.png"]


def test_circles_of_links_end_and_every_folder_is_entered_once(tmp_path):
    _touch(tmp_path / "one/a.png", tmp_path / "two/b.png")
    (tmp_path / "one/back").symlink_to(tmp_path)
    (tmp_path / "two/across").symlink_to(tmp_path / "one")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert sorted(Path(place).name for place in _places(tmp_path, recursive=True)) == ["a.png", "b.png"]


def test_link_to_itself_that_looks_like_a_picture_is_handed_on_to_be_refused(tmp_path):
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    assert _places(tmp_path) == ["loop.png"]


def test_names_with_spaces_newlines_and_any_bytes_come_through(tmp_path):
    names = [b"with space.png", b"line\nbreak.png", "写真.png".encode(), b"\xff\xfe.png"]
    for name in names:
        _touch(tmp_path / os.fsdecode(name))
    assert {os.fsencode(place) for place in _places(tmp_path)} == set(names)


def test_input_that_leads_nowhere_is_a_problem_of_its_own_not_the_end(tmp_path):
    _touch(
        tmp_path / "a.png", tmp_path / "empty/notes.txt", tmp_path / "clip.mov", tmp_path / "sub/sub/a.png"
    )
    given = [str(tmp_path / name) for name in ("*.webp", "empty", "clip.mov", "sub", "a.png")]
    problems = _problems(*given)
    assert "matches no file" in problems["*.webp"]
    assert "holds no JPEG" in problems["empty"]
    assert "--video" in problems["clip.mov"]
    assert "--recursive" in problems["sub"]
    assert _places(*given) == ["a.png"]


def test_missing_file_is_handed_on_to_be_refused(tmp_path):
    assert _places(tmp_path / "missing.png") == ["missing.png"]


def test_output_folders_are_not_searched_and_their_files_are_problems(tmp_path):
    _touch(tmp_path / "a.png", tmp_path / "out/a.png")
    options = {"recursive": True, "is_output": lambda path: "out" in path.parts}
    assert _places(tmp_path, **options) == ["a.png"]
    assert "output folder" in _problems(tmp_path / "out/a.png", **options)["a.png"]


def test_input_given_twice_is_used_once(tmp_path):
    _touch(tmp_path / "a.png")
    assert _places(tmp_path / "a.png", tmp_path / "a.png") == ["a.png"]


def test_file_comes_once_however_it_is_named_and_in_whatever_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _touch(Path("in/a.png"), Path("in/b.png"), Path("one/c.png"))
    assert _places("in/a.png", "in") == ["a.png", "b.png"]
    assert _places("in/a.png", "./in/a.png", "in/*.png", "in/**") == ["a.png", "b.png"]
    assert not _problems("one/c.png", "one")  # nothing new in it, and yet not empty


def test_misspelt_file_beside_its_folder_is_handed_on_to_be_refused(tmp_path):
    _touch(tmp_path / "a.png")
    assert _places(tmp_path, tmp_path / "typo.png") == ["a.png", "typo.png"]
    assert _places(tmp_path / "x/typo.png", tmp_path / "y/typo.png") == ["typo.png", "typo.png"]


def test_file_and_folder_that_were_seen_are_not_seen_again_nor_missed(tmp_path):
    _touch(tmp_path / "a.png", tmp_path / "sub/b.png")
    assert _places(tmp_path, tmp_path / "a.png", tmp_path / "sub", recursive=True) == ["a.png", "sub/b.png"]
    assert _places(f"{tmp_path}/**") == ["a.png", "b.png"]
    assert _places(f"{tmp_path}/**", recursive=True) == ["a.png", "b.png"]
    assert _places(f"{tmp_path}/**/sub") == _places(f"{tmp_path}/**/sub/") == ["b.png"]
    _touch(tmp_path / ".hidden.png")
    assert _places(tmp_path, tmp_path / ".hidden.png") == ["a.png", ".hidden.png"]
    for inputs in ([tmp_path, tmp_path / "sub"], [tmp_path, f"{tmp_path}/"]):
        assert not _problems(*inputs, recursive=True)


def test_formats_that_cannot_be_read_are_handed_on_to_be_refused(tmp_path):
    _touch(tmp_path / "a.heic", tmp_path / "b.gif")
    assert _places(tmp_path) == ["a.heic", "b.gif"]


@pytest.mark.parametrize("many", [2_000])
def test_search_holds_one_folder_in_memory_not_all(tmp_path, many):
    for number in range(many):
        _touch(tmp_path / f"{number // 20:03d}" / f"{number:05d}.png")
    sources = find_sources([tmp_path], recursive=True)
    next(sources)
    tracemalloc.start()
    assert sum(1 for _ in sources) == many - 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000  # 2,000 sources would take a megabyte
