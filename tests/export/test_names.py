import dataclasses
import shutil
import sys
import types
from pathlib import Path

import pytest

from smlnet_jax.errors import UserError
from smlnet_jax.export import names, package
from smlnet_jax.export.pretrained import available, load_card, load_pretrained


@pytest.fixture
def wheel(tmp_path, monkeypatch) -> Path:
    """A stand-in for the folder inside the installed package; it does not exist yet."""
    monkeypatch.setattr(names, "bundled", lambda: tmp_path / "wheel")
    return tmp_path / "wheel"


@pytest.fixture
def make(model, params, card):
    """Writes a package that tells by its crop where it was put."""

    def make(folder: Path) -> Path:
        package.write(folder, model, params, dataclasses.replace(card, crop=str(folder)))
        return folder

    return make


@pytest.fixture
def hub(monkeypatch):
    """A stand-in for huggingface_hub: repositories are folders; `asked` is what was fetched."""
    stand_in = types.SimpleNamespace(repos={}, asked=[])

    def hf_hub_download(*, repo_id, filename, revision, local_dir):
        stand_in.asked.append((repo_id, filename, revision))
        if repo_id not in stand_in.repos:
            raise ConnectionError("401 Client Error\n\nRepository Not Found for url: ...")
        (local_dir / ".cache").mkdir(exist_ok=True)
        (local_dir / ".cache" / "notes").write_text("")
        return shutil.copy(stand_in.repos[repo_id] / filename, local_dir / filename)

    module = types.ModuleType("huggingface_hub")
    module.hf_hub_download = hf_hub_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    return stand_in


def test_name_means_the_package_then_the_cache_then_a_folder(wheel, make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = make(tmp_path / "tiny_x8")
    assert names.find("tiny_x8") == Path("tiny_x8")
    cached = make(names.cache() / "weights/tiny_x8")
    assert load_card("tiny_x8").crop == str(cached)
    inside = make(wheel / "tiny_x8")
    assert load_card("tiny_x8").crop == str(inside)
    assert load_card("./tiny_x8").crop == load_card(Path("tiny_x8")).crop == str(here)


def test_no_name_means_the_default_of_the_package(wheel, make):
    with pytest.raises(UserError, match="no weights come with this installation"):
        load_pretrained()
    other = make(wheel / "another")
    assert load_card().crop == str(other)
    default = make(wheel / names.DEFAULT)
    assert load_card().crop == str(default)


def test_available_lists_the_package_first_and_each_name_once(wheel, make):
    assert available() == []
    make(names.cache() / "hub/someone/net@v1")
    make(names.cache() / "weights/b")
    make(names.cache() / "weights/c")
    make(wheel / "c")
    (wheel / "unfinished").mkdir()
    assert available() == ["c", "b", "someone/net@v1"]
    assert all(load_card(name).name == "tiny_x8" for name in available())


def test_unknown_name_is_told_with_what_there_is(wheel, make):
    make(wheel / "tiny_x8")
    with pytest.raises(UserError, match=r"no folder called 'tiny_x4'.*tiny_x8"):
        load_pretrained("tiny_x4")


@pytest.mark.parametrize("name", ["", "../tiny_x8", "a/b/c", "weights/\0", ".hidden"])
def test_name_never_leads_out_of_its_place(wheel, make, name):
    make(wheel.parent / "tiny_x8")
    wheel.mkdir()
    with pytest.raises(UserError, match="no weights and no folder"):
        names.find(name)


def test_hub_id_is_fetched_once_checked_and_kept(hub, make, tmp_path):
    hub.repos["someone/net"] = make(tmp_path / "net")

    assert load_card("someone/net").crop == str(tmp_path / "net")
    fetched = len(hub.asked)
    assert load_pretrained("someone/net").card.crop == str(tmp_path / "net")
    assert len(hub.asked) == fetched == 4
    kept = names.cache() / "hub/someone/net"
    assert sorted(path.name for path in kept.iterdir()) == [
        "README.md",
        "SHA256SUMS",
        "config.json",
        "model.safetensors",
    ]


def test_revision_of_a_hub_id_is_passed_on_and_kept_apart(hub, make, tmp_path):
    hub.repos["someone/net"] = make(tmp_path / "net")

    load_card("someone/net@refs/pr/1")
    load_card("someone/net@v2")
    assert {revision for _, _, revision in hub.asked} == {"refs/pr/1", "v2"}
    assert len(list((names.cache() / "hub/someone").iterdir())) == 2


def test_damaged_download_is_refused_and_not_kept(hub, make, tmp_path):
    hub.repos["someone/net"] = make(tmp_path / "net")
    weights = tmp_path / "net/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])

    with pytest.raises(UserError, match="cut short"):
        load_pretrained("someone/net")
    assert list((names.cache() / "hub/someone").iterdir()) == []


def test_hub_that_does_not_answer_is_one_sentence(hub):
    with pytest.raises(UserError) as caught:
        load_pretrained("someone/else")
    assert "config.json of someone/else cannot be fetched" in str(caught.value)
    assert "401 Client Error" in str(caught.value) and "\n" not in str(caught.value)


def test_hub_id_without_the_hub_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"smlnet-jax\[hub\]"):
        load_pretrained("someone/net")


def test_folder_that_looks_like_a_hub_id_is_a_folder(hub, make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "someone/net")
    assert load_card("someone/net").crop == str(tmp_path / "someone/net")
    assert hub.asked == []
