"""Named data sets from one line of text: celeba=FOLDER,lfw=FOLDER."""

from __future__ import annotations

import re
from pathlib import Path

from smlnet_jax.errors import UserError

_NAME = re.compile(r"[\w.-]+")  # it becomes a file name


def parse(text: str) -> dict[str, str]:
    """{name: source} of `name=SOURCE,name=SOURCE`; a bare SOURCE is called as its last part.

    Raises `UserError` for nothing at all, a name unfit for a file, and a name used twice.
    """
    sets: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, source = item.partition("=")
        if not equals:
            name, source = _own_name(item), item
        if not _NAME.fullmatch(name) or not source:
            raise UserError(
                f"eval.data has {item!r}; write name=FOLDER, the name of letters, digits, _ . and -"
            )
        if name in sets:
            raise UserError(f"eval.data has two sets called {name!r}; name them: first=FOLDER,second=FOLDER")
        sets[name] = source
    if not sets:
        raise UserError("eval.data is empty; give --config.eval.data=name=FOLDER, the faces to be scored on")
    return sets


def _own_name(source: str) -> str:
    """faces/celeba/test -> test;  tfds:celeb_faces:test -> tfds_celeb_faces_test."""
    last = source if ":" in source else Path(source).resolve().name
    return re.sub(r"[^\w.-]+", "_", last).strip("_")
