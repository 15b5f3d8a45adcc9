import dataclasses
import json

import jax
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec
from PIL import Image

from smlnet_jax.data.sources import open_source
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation.evaluate import evaluate, predict
from smlnet_jax.evaluation.weights import load
from smlnet_jax.metrics import PROTOCOLS, psnr, ssim
from smlnet_jax.models import Output


@dataclasses.dataclass(frozen=True)
class Identity:
    def apply(self, params, x):
        return Output(sr=x)


def assert_equal_scores(found, expected, atol=0.0):
    assert found.names == expected.names
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=atol), found.model, expected.model)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=atol), found.bicubic, expected.bicubic)


def test_every_image_scores_as_by_itself(sharpen, source):
    """Against LR made by PIL, restored and measured one image at a time, outside the evaluation."""
    found = evaluate(sharpen, sharpen.init(), {"seven": source}, scale=4, batch_size=4).datasets["seven"]
    assert found.names == tuple(face.name for face in source)
    for i, face in enumerate(source):
        lr = np.asarray(Image.fromarray(face.image).resize((8, 8), Image.Resampling.BICUBIC))[None]
        restored, original = predict(sharpen, sharpen.init(), lr, 32).sr, face.image[None] / np.float32(255)
        for name in PROTOCOLS:
            np.testing.assert_allclose(
                found.model[name].psnr[i], psnr(restored, original, name)[0], atol=1e-4
            )
            np.testing.assert_allclose(
                found.model[name].ssim[i], ssim(restored, original, name)[0], atol=1e-5
            )


@pytest.mark.parametrize("batch_size", [1, 3, 4, 7, 16])
def test_batch_size_changes_no_score(batch_size, sharpen, source):
    whole, parts = (
        evaluate(
            sharpen, sharpen.init(), {"s": source}, scale=4, protocols=("rgb",), batch_size=size, samples=5
        )
        for size in (7, batch_size)
    )
    assert_equal_scores(parts.datasets["s"], whole.datasets["s"], atol=1e-5)
    assert parts.datasets["s"].mean("rgb") == pytest.approx(whole.datasets["s"].mean("rgb"), abs=1e-5)
    for title, images in whole.datasets["s"].samples.items():
        np.testing.assert_array_equal(parts.datasets["s"].samples[title], images)


def test_mean_weighs_each_image_once(sharpen, source):
    found = evaluate(sharpen, sharpen.init(), {"s": source}, scale=4, batch_size=4).datasets["s"]
    for name in PROTOCOLS:
        assert found.mean(name) == (found.model[name].psnr.mean(), found.model[name].ssim.mean())
        assert len(found.bicubic[name].psnr) == 7


def test_bicubic_weights_gain_nothing(source):
    _, model, params, *_ = load("bicubic", "")
    found = evaluate(model, params, {"s": source}, scale=8, batch_size=4, samples=1).datasets["s"]
    jax.tree.map(np.testing.assert_array_equal, found.model, found.bicubic)
    assert list(found.samples) == ["LR", "bicubic", "SR", "HR"]


@pytest.mark.parametrize("spec", [PartitionSpec(), PartitionSpec("data")], ids=["replicated", "sharded"])
def test_eight_devices_score_as_one(spec, sharpen, source, uniform_mesh):
    one = evaluate(sharpen, sharpen.init(), {"s": source}, scale=4, batch_size=4, samples=7)
    with jax.set_mesh(uniform_mesh):
        params = jax.device_put(sharpen.init(), NamedSharding(uniform_mesh, spec))
        eight = evaluate(sharpen, params, {"s": source}, scale=4, batch_size=4, samples=7)
    assert_equal_scores(eight.datasets["s"], one.datasets["s"], atol=1e-4)
    np.testing.assert_array_equal(
        eight.datasets["s"].samples["bicubic"], one.datasets["s"].samples["bicubic"]
    )


def test_network_input_is_pil_bicubic_but_for_rounding(source):
    """X scores what the calibration row scores, so that a gain is the network's own."""
    mild = source[0].image // 2 + 64  # PIL also clips between its passes; here there is nothing to clip
    lr = np.asarray(Image.fromarray(mild).resize((8, 8), Image.Resampling.BICUBIC))
    by_pil = np.asarray(Image.fromarray(lr).resize((32, 32), Image.Resampling.BICUBIC), np.float64)
    x = predict(Identity(), {}, lr[None], 32).sr[0]
    assert np.abs(x * 255 - by_pil).max() < 1.2  # half a level a pass


def test_second_evaluation_does_not_retrace(sharpen, source):
    for shift in range(3):
        params = jax.tree.map(lambda x, shift=shift: x + shift, sharpen.init())
        evaluate(sharpen, params, {"a": source, "b": source}, scale=4, protocols=("rgb",), batch_size=5)
    assert len(sharpen.calls) == 1


def test_limit_takes_the_first_images(sharpen, source):
    found = evaluate(sharpen, sharpen.init(), {"s": source}, scale=4, batch_size=2, limit=3, samples=9)
    assert found.datasets["s"].names == ("000.png", "001.png", "002.png")
    shapes = {title: images.shape for title, images in found.datasets["s"].samples.items()}
    big = (3, 32, 32, 3)
    assert shapes == {"LR": (3, 8, 8, 3), "bicubic": big, "I_fre": big, "I_spa": big, "HR": big}


@dataclasses.dataclass(frozen=True)
class Recording:
    """Bicubic that notes the shapes it is traced with."""

    shapes: list = dataclasses.field(default_factory=list, compare=False)

    def apply(self, params, x):
        self.shapes.append(x.shape)
        return Output(sr=x)


def test_no_batch_is_larger_than_the_limit(source):
    model = Recording()
    evaluate(model, {}, {"s": source}, scale=4, protocols=("rgb",), batch_size=7, limit=3)
    assert {shape[0] for shape in model.shapes} == {3}


def test_json_has_the_documented_keys(sharpen, source):
    results = evaluate(sharpen, sharpen.init(), {"s": source}, scale=4, protocols=("sfmnet", "rgb"))
    written = json.loads(json.dumps(results.to_json("runs/x4"), allow_nan=False))
    assert list(written) == ["weights", "own", "scale", "lr_kernel", "datasets"]
    assert (written["weights"], written["scale"], written["lr_kernel"]) == ("runs/x4", 4, "pil_bicubic")
    assert list(written["datasets"]["s"]) == ["n", "protocols", "bicubic"]
    assert written["datasets"]["s"]["n"] == 7
    for who, key in (("model", "protocols"), ("bicubic", "bicubic")):
        for name in ("sfmnet", "rgb"):
            value = written["datasets"]["s"][key][name]
            assert (value["psnr"], value["ssim"]) == results.datasets["s"].mean(name, who)
        assert list(written["datasets"]["s"][key]) == ["sfmnet", "rgb"]


def test_broken_output_is_named_and_never_averaged_away(broken, source):
    results = evaluate(broken, {}, {"s": source}, scale=4, protocols=("rgb",), batch_size=7)
    brightest = max(source, key=lambda face: face.image.mean()).name
    assert results.datasets["s"].first_nonfinite() == brightest
    assert results.to_json("x")["datasets"]["s"]["protocols"]["rgb"] == {"psnr": None, "ssim": None}
    assert np.isfinite(results.datasets["s"].mean("rgb", "bicubic")).all()


def test_no_protocol_at_all_is_refused(sharpen, source):
    with pytest.raises(UserError, match=r"eval\.protocols is empty"):
        evaluate(sharpen, sharpen.init(), {"s": source}, scale=4, protocols=())


@pytest.mark.parametrize("scale", [4, 8, 16])
def test_bicubic_row_has_the_reference_values(scale, faces, golden):
    """The whole way: folder, LR, enlargement, metrics."""
    reference = json.loads((golden / "bicubic_lfw.json").read_text())
    _, model, params, *_ = load("bicubic", "")
    source = open_source(str(faces / "lfw" / "test"))
    found = evaluate(model, params, {"lfw": source}, scale=scale, batch_size=50).datasets["lfw"]
    assert len(found.names) == reference["images"]
    for name, expected in reference[f"x{scale}"].items():
        psnr_mean, ssim_mean = found.mean(name)
        assert psnr_mean == pytest.approx(expected["psnr"], abs=2e-3)
        assert ssim_mean == pytest.approx(expected["ssim"], abs=2e-4)
