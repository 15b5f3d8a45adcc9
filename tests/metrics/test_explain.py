import re

import numpy as np
import pytest
from PIL import Image

from smlnet_jax.metrics import PROTOCOLS, psnr, ssim
from smlnet_jax.metrics.__main__ import main
from smlnet_jax.metrics.explain import STUDIO_RANGE, explain


@pytest.fixture(scope="module")
def images(pair):
    return pair[0][3], pair[1][3]


@pytest.fixture(scope="module")
def explained(images):
    return explain(*images)


def original(seed: int = 0) -> np.ndarray:
    """Colours far enough from black and white that errors of some levels are not clipped."""
    return np.random.default_rng(seed).integers(60, 190, (48, 64, 3), np.uint8)


def plus(image: np.ndarray, error) -> np.ndarray:
    return (image.astype(int) + error).astype(np.uint8)


def test_scores_are_those_of_the_metrics(images, explained):
    sr, hr = (image[None].astype(np.float32) / 255 for image in images)
    assert list(explained.scores) == list(PROTOCOLS)
    for name, found in explained.scores.items():
        expected = psnr(sr, hr, name).item(), ssim(sr, hr, name).item()
        assert found == pytest.approx(expected, abs=1e-4)


def test_steps_lead_from_protocol_to_protocol(explained):
    """What is said one change at a time must add up to what stands in the table."""
    scores = {name: np.array(found) for name, found in explained.scores.items()}
    moved = np.array([(step.psnr, step.ssim) for step in explained.steps])
    for path, name in ((moved[:1], "basicsr"), (moved[:2], "sparnet"), (moved[[0, 2, 3, 4, 5]], "sfmnet")):
        np.testing.assert_allclose(path.sum(0), scores[name] - scores["rgb"], atol=1e-5)


def test_windows_move_ssim_alone(explained):
    assert [step.psnr for step in explained.steps[4:]] == [0, 0]
    assert all(step.ssim for step in explained.steps[3:])


def test_grey_error_gains_the_studio_range_and_nothing_else():
    hr = original()
    grey = np.random.default_rng(1).integers(-20, 21, (48, 64, 1))
    colour = explain(plus(hr, grey), hr).steps[0]
    assert colour.psnr == pytest.approx(STUDIO_RANGE, abs=1e-3)
    assert colour.why.count("+0.00 dB") == 2


def test_error_of_colour_cancels_in_y():
    hr = original()
    rgb = np.random.default_rng(1).integers(-20, 21, (48, 64, 3))
    colour = explain(plus(hr, rgb), hr).steps[0]
    assert colour.psnr > STUDIO_RANGE + 2 and parts(colour)[1] > 2


def test_larger_error_of_a_colour_that_y_hardly_weighs_is_told_from_cancelling():
    hr = original()
    in_step = np.random.default_rng(1).integers(-6, 7, (48, 64, 1)) * np.array([1, 1, 3])
    colour = explain(plus(hr, in_step), hr).steps[0]
    weights, cancelled = parts(colour)
    assert STUDIO_RANGE + weights + cancelled == pytest.approx(colour.psnr, abs=0.02)
    assert weights > cancelled > 0


def parts(colour):
    """The decibels of Y's weights, and those of what cancels."""
    return [float(text) for text in re.findall(r": ([+-]\d+\.\d\d) dB[.]? ?W?|X", colour.why)][1:]


def test_error_of_green_alone_weighs_more_in_y():
    hr = original()
    green = np.random.default_rng(1).integers(-20, 21, (48, 64, 1)) * np.array([0, 1, 0])
    colour = explain(plus(hr, green), hr).steps[0]
    expected = 20 * np.log10(255 / 128.553) - 10 * np.log10(3)  # e / sqrt(3) in RGB, 128.553 e / 255 in Y
    assert colour.psnr == pytest.approx(expected, abs=1e-3)
    assert sum(parts(colour)) == pytest.approx(expected - STUDIO_RANGE, abs=0.02)
    assert parts(colour)[0] < -2  # Y weighs green most


@pytest.mark.parametrize(("where", "verdict"), [("border", "harder"), ("middle", "easier")])
def test_border_is_told_from_the_middle(where, verdict):
    hr = original()
    error = np.random.default_rng(1).integers(-20, 21, (48, 64, 1))
    inside = np.zeros((48, 64, 1), bool)
    inside[8:-8, 8:-8] = True
    step = explain(plus(hr, np.where(inside == (where == "middle"), error, error // 4)), hr).steps[3]
    assert "The border is 50% of the pixels" in step.why and f"{verdict} than the middle" in step.why
    assert (step.psnr > 0) == (where == "border")


def test_same_images_need_no_explanation():
    hr = original()
    found = explain(hr, hr)
    assert found.steps == () and all(
        np.isinf(score[0]) and score[1] > 0.9999 for score in found.scores.values()
    )
    assert "the same in every pixel" in str(found)


def test_error_that_whole_levels_of_y_hide_is_still_explained():
    """One level of B is 0.1 of Y: some protocols see it, others hardly or not at all."""
    hr = np.full((48, 64, 3), 100, np.uint8)
    text = str(explain(plus(hr, np.array([0, 0, 1])), hr))
    assert "nan" not in text and "no error on Y" in text


def test_command_prints_all_protocols_and_words(images, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, image in zip(("sr.png", "hr.png"), images, strict=True):
        Image.fromarray(image).save(name)
    assert main(["explain", "sr.png", "hr.png"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("sr.png against hr.png, 64x48\n")
    assert all(f"  {name}" in shown for name in PROTOCOLS) and "one change at a time" in shown


def test_command_refuses_what_is_no_pair(images, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(images[0]).save("a.png")
    Image.fromarray(images[0][:40]).save("b.png")
    Image.fromarray(images[0][:20]).save("small.png")
    (tmp_path / "text.png").write_text("not a picture")
    for names, sentence in (
        (("a.png", "b.png"), "a.png is 64x48, b.png is 64x40; a score compares pixel with pixel"),
        (("a.png", "text.png"), "text.png is no JPEG, PNG or WebP image"),
        (("gone.png", "a.png"), "gone.png cannot be read (No such file or directory)"),
        (("small.png", "small.png"), "images of 64x20 are too small to be scored"),
    ):
        assert main(["explain", *names]) == 2
        shown = capsys.readouterr()
        assert sentence in shown.err and shown.err.count("\n") == 1 and not shown.out
