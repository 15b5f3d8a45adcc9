import io
import warnings

import numpy as np
import pytest

from smlnet_jax.figures.curves import chart, measure
from smlnet_jax.figures.faces import Faces


@pytest.fixture
def faces() -> Faces:
    hr = np.random.default_rng(4).integers(0, 256, (3, 32, 32, 3), np.uint8)
    return Faces(("a", "b", "c"), 1, hr, hr[:, ::4, ::4], hr // 2)


def test_error_of_one_frequency_lies_in_its_band(faces):
    wave = 20 * np.cos(2 * np.pi * 8 * np.arange(32) / 32)  # whole numbers: 20, 0, -20, 0
    grey = np.full_like(faces.hr, 100)
    waved = (grey + np.round(wave)[:, None]).astype(np.uint8)
    flat = Faces(faces.names, 1, grey, faces.lr, waved)
    curves = measure(flat, {"bicubic": waved})
    assert curves.centres[curves.methods["bicubic"][0].argmin()] == pytest.approx(8 / 32, abs=1 / 16)
    np.testing.assert_allclose(np.diff(curves.centres), 1 / 16)


def test_bands_add_up_to_the_error_below_half_a_cycle(faces):
    curves = measure(faces, {"bicubic": faces.bicubic})
    mse = (255**2 / 10 ** (curves.methods["bicubic"] / 10)).sum(1)
    luma = (faces.hr.astype(float) - faces.bicubic) @ [65.481, 128.553, 24.966] / 255
    spectrum = np.abs(np.fft.fft2(luma, norm="ortho")) ** 2
    radius = np.hypot(np.fft.fftfreq(32)[:, None], np.fft.fftfreq(32))
    np.testing.assert_allclose(mse, spectrum[:, radius < 0.5].sum(1) / 32**2, rtol=1e-3)


def test_chart_survives_a_method_without_any_error_and_repeats_itself(faces):
    curves = measure(faces, {"bicubic": faces.bicubic, "perfect": faces.hr})
    assert curves.to_json()["psnr"]["perfect"] == [None] * len(curves.centres)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        file = io.BytesIO()
        chart(curves).savefig(file, format="svg")
    assert b"LR ends" in file.getvalue() or b"<svg" in file.getvalue()


def test_legend_has_every_title_as_it_is(faces):
    titles = ("bicubic", "_hidden", r"lr$\x$1")
    figure = chart(measure(faces, dict.fromkeys(titles, faces.bicubic)))
    figure.savefig(io.BytesIO(), format="png")
    left, right = ([text.get_text() for text in axes.get_legend().get_texts()] for axes in figure.axes)
    assert left == ["band left empty", *titles] and right == list(titles[1:])
