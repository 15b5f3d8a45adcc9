import numpy as np

from smlnet_jax.figures.faces import Faces
from smlnet_jax.figures.spectra import decibels, power, spectra


def test_wave_appears_at_its_frequency_and_nowhere_else():
    x = np.arange(32)
    wave = np.tile(np.cos(2 * np.pi * 8 * x / 32), (32, 1))[None]
    found = power(wave)[0]
    strongest = {tuple(place) for place in np.argwhere(found > 0.9 * found.max()).tolist()}
    assert strongest == {(16, 16 + 8), (16, 16 - 8)}
    assert found[:, 16].max() < 1e-3 * found.max()


def test_power_adds_up_to_the_picture_s_and_a_ramp_draws_no_cross():
    noise = np.random.default_rng(0).normal(100, 10, (3, 32, 32))
    np.testing.assert_allclose(power(noise).mean((1, 2)), noise.var((1, 2)), rtol=0.2)
    ramp = np.tile(np.arange(32.0), (32, 1))[None]
    levels = decibels(power(ramp)[0])
    plain = np.abs(np.fft.fftshift(np.fft.fft2(ramp[0] - ramp.mean(), norm="ortho"))) ** 2
    assert levels[16, 0] < decibels(plain)[16, 0] - 20


def test_figure_of_pictures_that_hold_nothing_is_drawn():
    flat = np.full((2, 16, 16, 3), 90, np.uint8)
    faces = Faces(("a", "b"), 1, flat, flat[:, :4, :4], flat)
    spectra(faces, {"bicubic": flat}).canvas.draw()
