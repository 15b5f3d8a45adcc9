import hashlib
import json
import pickle
import shutil
import struct
import subprocess
from pathlib import Path

import chex
import jax
import numpy as np
import pytest
import safetensors.numpy

import smlnet_jax
from smlnet_jax.errors import UserError
from smlnet_jax.export.card import Card
from smlnet_jax.export.package import flatten, unflatten
from smlnet_jax.export.pretrained import load_card, load_pretrained, save_pretrained
from smlnet_jax.models import create

SUMMED = ("config.json", "model.safetensors")


@pytest.fixture(scope="module")
def original(tmp_path_factory, model, params) -> Path:
    folder = tmp_path_factory.mktemp("original") / "weights"
    save_pretrained(folder, model, params, Card("tiny_x8", model.config, size=64))
    return folder


@pytest.fixture
def folder(original, tmp_path) -> Path:
    """A fresh copy of a good package."""
    return shutil.copytree(original, tmp_path / "weights")


def _sign(folder: Path) -> None:
    """Checksums that fit whatever lies there now, as somebody with bad intentions would make them."""
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in SUMMED]
    (folder / "SHA256SUMS").write_text("".join(sums))


def _change_tensors(folder: Path, change) -> None:
    path = folder / "model.safetensors"
    tensors = {name: value.copy() for name, value in safetensors.numpy.load(path.read_bytes()).items()}
    change(tensors)
    path.write_bytes(safetensors.numpy.save(tensors))
    _sign(folder)


def _change_card(folder: Path, change) -> None:
    values = json.loads((folder / "config.json").read_text())
    change(values)
    (folder / "config.json").write_text(json.dumps(values))
    _sign(folder)


def _refusal(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_pretrained(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_float32_weights_come_back_bit_by_bit(folder, model, params):
    loaded = load_pretrained(folder)

    assert loaded.model == model
    chex.assert_trees_all_equal(loaded.params, params)


def test_float16_weights_come_back_as_float32_of_half_the_file(folder, tmp_path, model, params, card):
    half = save_pretrained(tmp_path / "half", model, params, card, dtype="float16")
    loaded = load_pretrained(tmp_path / "half")

    assert half.dtype == loaded.card.dtype == "float16"
    rounded = jax.tree.map(lambda leaf: leaf.astype(np.float16).astype(np.float32), params)
    chex.assert_trees_all_equal_dtypes(loaded.params, rounded)
    chex.assert_trees_all_equal(loaded.params, rounded)
    sizes = [(path / "model.safetensors").stat().st_size for path in (tmp_path / "half", folder)]
    assert sizes[0] < 0.6 * sizes[1]


def test_card_counts_what_the_model_is(folder, model):
    card = load_card(folder)

    assert (
        card.parameters
        == model.param_count()
        == sum(leaf.size for leaf in jax.tree.leaves(load_pretrained(folder).params))
    )
    assert card.macs == model.macs(64, 64) > 0


def test_checksums_are_what_sha256sum_reads(folder):
    subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=True, capture_output=True
    )


def test_public_name_loads_a_folder(folder, card):
    assert smlnet_jax.load_pretrained(str(folder)).card.name == card.name


@pytest.mark.parametrize("kept", [0, 7, 1000, -1])
def test_truncated_weights_are_refused_as_such(folder, kept):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])

    message = _refusal(folder)
    assert str(path) in message and "cut short or damaged" in message


@pytest.mark.parametrize("name", SUMMED)
def test_one_changed_byte_is_refused(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[-3] ^= 1
    (folder / name).write_bytes(content)

    message = _refusal(folder)
    assert str(folder / name) in message and "was changed" in message


@pytest.mark.parametrize("name", [*SUMMED, "SHA256SUMS"])
def test_missing_file_is_named(folder, name):
    (folder / name).unlink()
    assert f"has no {name}" in _refusal(folder)


def test_missing_checksum_is_refused(folder):
    (folder / "SHA256SUMS").write_text("0123  something-else\n")
    assert "no line for config.json" in _refusal(folder)


def test_absent_folder_is_named(tmp_path):
    assert f"{tmp_path / 'nowhere'} is no folder" in _refusal(tmp_path / "nowhere")


def test_page_may_be_edited(folder, card):
    (folder / "README.md").write_text("other words")
    assert load_card(folder).name == card.name


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused_by_the_name_of_the_parameter(folder, value):
    _change_tensors(folder, lambda tensors: tensors["tail.spat.kernel"].flat.__setitem__(5, value))

    message = _refusal(folder)
    assert (
        "tail.spat.kernel holds NaN or infinity" in message and str(folder / "model.safetensors") in message
    )


def test_weights_of_another_variant_are_refused(folder):
    _change_card(folder, lambda values: values["model"].update(spat_widths=[32] * 4, freq_widths=[32] * 4))

    message = _refusal(folder)
    assert "has shape" in message and "wants" in message and "another model" in message


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda tensors: tensors.pop("tail.spat.bias"), "tail.spat.bias is missing"),
        (lambda tensors: tensors.update(spare=np.zeros(3, np.float32)), "spare is no parameter"),
        (
            lambda tensors: tensors.update({"tail.spat.bias": np.zeros(4, np.float32)}),
            "tail.spat.bias has shape (4,)",
        ),
        (
            lambda tensors: tensors.update({"tail.spat.bias": np.zeros(3, np.float64)}),
            "tail.spat.bias is stored as F64",
        ),
    ],
)
def test_parameter_at_fault_is_named(folder, change, fault):
    _change_tensors(folder, change)
    assert fault in _refusal(folder)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda card: card.update(format=2), "has format 2"),
        (lambda card: card.pop("format"), "no format version"),
        (lambda card: card.pop("model"), "model is missing"),
        (lambda card: card.update(model={"name": "resnet"}), "'resnet' is unknown"),
        (lambda card: card.update(scale="8"), "scale='8' must be int"),
        (lambda card: card.update(scale=7), "scale=7 must divide"),
        (lambda card: card.update(size=0), "must be above 0"),
        (lambda card: card.update(name="../up"), "is no name"),
        (lambda card: card["training"].update(steps=True), "training.steps=True must be int"),
        (lambda card: card.update(mood="good"), "mood is unknown"),
        (lambda card: card.update(speed=[{"device": "x"}]), "speed.batch is missing"),
    ],
)
def test_card_at_fault_is_told(folder, change, fault):
    _change_card(folder, change)
    message = _refusal(folder)
    assert fault in message and str(folder / "config.json") in message


def test_pickle_in_place_of_weights_is_refused_and_not_run(folder, tmp_path):
    class Attack:
        def __reduce__(self):
            return Path.touch, (tmp_path / "owned",)

    (folder / "model.safetensors").write_bytes(pickle.dumps(Attack()))
    _sign(folder)

    assert "not a safetensors file" in _refusal(folder)
    assert not (tmp_path / "owned").exists()


def test_header_that_claims_more_than_the_file_is_refused(folder):
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
    _sign(folder)
    assert "not a safetensors file" in _refusal(folder)


def test_broken_weights_are_never_written(tmp_path, model, params, card):
    for change, fault in (
        (
            lambda flat: flat.update({"tail.spat.bias": np.full(3, np.nan, np.float32)}),
            "tail.spat.bias holds NaN",
        ),
        (lambda flat: flat.pop("tail.spat.bias"), "tail.spat.bias is missing"),
    ):
        flat = flatten(params)
        change(flat)
        with pytest.raises(UserError, match=fault):
            save_pretrained(tmp_path / "weights", model, unflatten(flat), card)
    with pytest.raises(UserError, match="another model"):
        save_pretrained(tmp_path / "weights", create("smlnet_full_t"), params, card)
    assert not list(tmp_path.iterdir())


def test_weights_beyond_float16_are_refused_in_float16_only(tmp_path, model, params, card):
    flat = flatten(params)
    flat["tail.spat.bias"] = np.array([0, 1e5, 0], np.float32)

    with pytest.raises(UserError, match=r"tail\.spat\.bias reaches 1e\+05, more than float16"):
        save_pretrained(tmp_path / "half", model, unflatten(flat), card, dtype="float16")
    save_pretrained(tmp_path / "full", model, unflatten(flat), card)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_weights_that_are_there_are_replaced_only_on_request(folder, model, params, card):
    doubled = jax.tree.map(lambda leaf: 2 * leaf, params)

    with pytest.raises(UserError, match="--overwrite"):
        save_pretrained(folder, model, doubled, card)
    np.testing.assert_array_equal(
        load_pretrained(folder).params["tail"]["spat"]["bias"], params["tail"]["spat"]["bias"]
    )
    save_pretrained(folder, model, doubled, card, overwrite=True)
    np.testing.assert_array_equal(
        load_pretrained(folder).params["tail"]["spat"]["bias"], doubled["tail"]["spat"]["bias"]
    )
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_folder_with_other_files_is_never_replaced(tmp_path, model, params, card):
    (tmp_path / "thesis.tex").write_text("years of work")

    with pytest.raises(UserError, match=r"thesis\.tex"):
        save_pretrained(tmp_path, model, params, card, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_file_in_the_way_is_told(tmp_path, model, params, card):
    (tmp_path / "weights").write_text("")
    with pytest.raises(UserError, match="is a file"):
        save_pretrained(tmp_path / "weights", model, params, card, overwrite=True)


@pytest.mark.slow
def test_program_of_jax_alone_gives_the_same_pixels(model, params):
    """docs/weights.md, "Without this package": one file for every kind of machine."""
    sr = jax.jit(lambda x: model.apply(params, x).sr)
    x = np.random.default_rng(0).random((1, 16, 16, 3), np.float32)
    program = jax.export.export(sr, platforms=("cpu", "cuda", "tpu"))(jax.ShapeDtypeStruct(x.shape, x.dtype))
    again = jax.export.deserialize(bytearray(program.serialize()))
    np.testing.assert_array_equal(again.call(x), sr(x))
