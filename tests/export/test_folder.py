from pathlib import Path

import pytest

from smlnet_jax.errors import UserError
from smlnet_jax.export.folder import whole_folder


def _write(target: Path, text: str, *, replace: bool = False) -> None:
    with whole_folder(target, replace=replace) as new:
        (new / "a").write_text(text)


def _content(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_folder_and_its_parents_appear(tmp_path):
    _write(tmp_path / "x/y", "new")
    assert _content(tmp_path) == {"x/y/a": "new"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("present", [False, True])
def test_interrupted_write_leaves_everything_as_it_was(tmp_path, error, present):
    if present:
        _write(tmp_path / "x", "old")
    before = _content(tmp_path)

    with pytest.raises(error), whole_folder(tmp_path / "x", replace=True) as new:  # noqa: PT012
        (new / "a").write_text("half")
        raise error

    assert _content(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == (["x"] if present else [])


def test_folder_that_appeared_meanwhile_is_not_replaced(tmp_path):
    with pytest.raises(UserError, match="cannot write"), whole_folder(tmp_path / "x") as new:  # noqa: PT012
        (new / "a").write_text("ours")
        _write(tmp_path / "x", "theirs")
    assert _content(tmp_path) == {"x/a": "theirs"}
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_replacement_leaves_nothing_of_the_old(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x/b").write_text("old")
    _write(tmp_path / "x", "new", replace=True)
    assert _content(tmp_path) == {"x/a": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_old_folder_comes_back_when_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    _write(tmp_path / "x", "old")
    rename = Path.rename

    def refuse_the_new(path: Path, target: Path) -> Path:
        if path.suffix == ".partial":
            raise PermissionError(1, "not permitted")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse_the_new)
    with pytest.raises(UserError, match="not permitted"):
        _write(tmp_path / "x", "new", replace=True)
    assert _content(tmp_path) == {"x/a": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*file/x"):
        _write(tmp_path / "file/x", "new")
