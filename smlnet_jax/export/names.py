"""From what a user calls weights to a folder: the installed package, the cache, the Hugging Face hub."""

from __future__ import annotations

import importlib.resources
import os
import re
import shutil
from pathlib import Path

from smlnet_jax.errors import UserError
from smlnet_jax.export import package
from smlnet_jax.export.card import NAME
from smlnet_jax.export.folder import whole_folder
from smlnet_jax.export.package import Folder

DEFAULT = "smlnet_lite_x8"  # what no name at all means, as long as it is there

_HUB_ID = re.compile(rf"(?P<repo>{NAME.pattern}/{NAME.pattern})(@(?P<revision>[\w./-]+))?")


def find(what: str | os.PathLike | None = None) -> Folder:
    """The folder of a name, a path, or a hub id `owner/name` or `owner/name@revision`; None is the default.

    A name is looked up in the installed package, then in the cache, then as a folder. An id that is no folder
    is looked up in the cache, and fetched into it from the hub once. A path (with a dot in front, or a
    `Path`) is never anything else. Raises UserError where nothing is found.
    """
    if what is None:
        return _default()
    if not isinstance(what, str):
        return Path(what)
    if NAME.fullmatch(what):
        for folder in (bundled() / what, cache() / "weights" / what):
            if package.is_package(folder):
                return folder
    if what and Path(what).is_dir():
        return Path(what)
    if match := _HUB_ID.fullmatch(what):
        return _from_hub(match["repo"], match["revision"])
    raise UserError(f"there are no weights and no folder called {what!r}; name others ({_choices()})")


def available() -> list[str]:
    """What can be loaded by name without a network: the installed package's weights, then the cache's."""
    named = [folder for root in (bundled(), cache() / "weights") for folder in packages(root)]
    fetched = [owner for owner in _folders(cache() / "hub") if NAME.fullmatch(owner.name)]
    ids = [f"{owner.name}/{folder.name}" for owner in fetched for folder in packages(owner)]
    return list(dict.fromkeys([*(folder.name for folder in named), *ids]))


def bundled() -> Folder:
    """Where the installed package keeps its weights; need not exist."""
    return importlib.resources.files("smlnet_jax") / "weights"


def cache() -> Path:
    """XDG_CACHE_HOME/smlnet_jax: weights/NAME for anybody to fill, hub/OWNER/NAME filled from the hub."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smlnet_jax"


def packages(root: Folder) -> list[Folder]:
    """Folders of weights directly below `root`, by name; none where it does not exist."""
    return [folder for folder in _folders(root) if package.is_package(folder)]


def _default() -> Folder:
    names = [folder.name for folder in packages(bundled())]
    if not names:
        raise UserError(f"no weights come with this installation; name some yourself ({_choices()})")
    return bundled() / (DEFAULT if DEFAULT in names else names[0])


def _choices() -> str:
    return ", ".join([*available(), "a folder written by `smlnet export`", "or owner/name on the hub"])


def _folders(root: Folder) -> list[Folder]:
    if not root.is_dir():
        return []
    return sorted((each for each in root.iterdir() if each.is_dir()), key=lambda each: each.name)


def _from_hub(repo: str, revision: str | None) -> Path:
    """The package of a hub repository, fetched once: from then on the id means these very weights."""
    folder = cache() / "hub" / (f"{repo}@{revision.replace('/', '--')}" if revision else repo)
    if package.is_package(folder):
        return folder
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise UserError(
            f"{repo} is no folder here, and fetching it from the Hugging Face hub needs "
            "`pip install 'smlnet-jax[hub]'`"
        ) from error
    with whole_folder(folder, replace=True) as new:
        for name in package.FILES:
            try:
                hf_hub_download(repo_id=repo, filename=name, revision=revision, local_dir=new)
            except Exception as error:  # of many libraries below; none of them is our bug
                reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
                raise UserError(
                    f"{name} of {repo} cannot be fetched from the Hugging Face hub ({reason}); "
                    "check the id and the connection, or give a folder"
                ) from error
        shutil.rmtree(new / ".cache", ignore_errors=True)  # the library's notes on its downloads
        package.read(new)  # what is broken is not kept
    return folder
