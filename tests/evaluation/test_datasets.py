import pytest

from smlnet_jax.errors import UserError
from smlnet_jax.evaluation.datasets import parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("celeba=faces/celeba/test", {"celeba": "faces/celeba/test"}),
        ("a=x, b=y ,", {"a": "x", "b": "y"}),
        ("faces/celeba/test/", {"test": "faces/celeba/test/"}),
        ("my faces", {"my_faces": "my faces"}),
        ("astronaut:val", {"astronaut_val": "astronaut:val"}),
        ("tfds:faces/plain:test", {"tfds_faces_plain_test": "tfds:faces/plain:test"}),
        ("lfw=tfds:lfw", {"lfw": "tfds:lfw"}),
        ("a=folder=with=signs", {"a": "folder=with=signs"}),
    ],
)
def test_sets_and_their_names(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "eval.data is empty"),
        (" , ", "eval.data is empty"),
        ("a=x,a=y", "two sets called 'a'"),
        ("one/test,two/test", "two sets called 'test'"),
        ("../a=x", "write name=FOLDER"),
        ("a=", "write name=FOLDER"),
    ],
)
def test_mistakes_are_named(text, message):
    with pytest.raises(UserError, match=message):
        parse(text)
