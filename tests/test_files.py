"""What is written takes the place of what was there in one step."""

import json

import pytest

from smlnet_jax.errors import UserError
from smlnet_jax.files import write_json, write_text


def test_folder_is_made_and_nothing_else_is_left(tmp_path):
    write_json(tmp_path / "new" / "a.json", {"a": [1, None]})
    write_json(tmp_path / "new" / "a.json", {"a": [2, "\u00e9"]})
    assert json.loads((tmp_path / "new" / "a.json").read_text()) == {"a": [2, "\u00e9"]}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.json"]


def test_what_was_there_stays_where_the_new_cannot_be_written(tmp_path):
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(TypeError, match="serializable"):
        write_json(tmp_path / "a.json", object())
    with pytest.raises(UserError, match=r"cannot write .*a.json/b \(.*\); free it, or give another"):
        write_text(tmp_path / "a.json" / "b", "text")
    assert (tmp_path / "a.json").read_text() == "1\n"


def test_write_that_fails_leaves_nothing_behind(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*folder \(Is a directory\)"):
        write_text(tmp_path / "folder", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_number_that_is_not_finite_is_null(tmp_path):
    write_json(tmp_path / "a.json", {"a": [1.0, float("nan")], "b": (float("-inf"), {"c": float("inf")})})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": [1.0, None], "b": [None, {"c": None}]}
