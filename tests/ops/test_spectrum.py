"""The transforms equal numpy's in both forms, odd sizes too, stay on their device, have finite gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from smlnet_jax.ops import spectrum

sizes = st.integers(1, 17)


def image(height, width, seed=0):
    return np.random.default_rng(seed).standard_normal((2, height, width, 3)).astype(np.float32)


@pytest.mark.parametrize("impl", ["fft", "dft", "auto"])
@pytest.mark.parametrize("norm", ["ortho", "backward"])
@settings(max_examples=5, deadline=None)
@given(height=sizes, width=sizes)
def test_rfft2_equals_numpy(impl, norm, height, width):
    x = image(height, width)
    expected = np.fft.rfft2(x.astype(np.float64), axes=(1, 2), norm=norm)
    re, im = spectrum.rfft2(x, norm=norm, impl=impl)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(np.asarray(re) / scale, expected.real / scale, atol=2e-6)
    np.testing.assert_allclose(np.asarray(im) / scale, expected.imag / scale, atol=2e-6)


@pytest.mark.parametrize("impl", ["fft", "dft", "auto"])
@pytest.mark.parametrize("norm", ["ortho", "backward"])
@settings(max_examples=5, deadline=None)
@given(height=sizes, width=sizes)
def test_irfft2_equals_numpy_on_edited_spectra(impl, norm, height, width):
    # Not Hermitian, as the network's edits are not: what a transform does with the surplus must agree, too.
    re, im = image(height, width // 2 + 1, 1), image(height, width // 2 + 1, 2)
    expected = np.fft.irfft2((re + 1j * im).astype(complex), s=(height, width), axes=(1, 2), norm=norm)
    back = spectrum.irfft2((re, im), width, norm=norm, impl=impl)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(np.asarray(back) / scale, expected / scale, atol=3e-6)


@pytest.mark.parametrize("impl", ["fft", "dft"])
@settings(max_examples=5, deadline=None)
@given(height=sizes, width=sizes)
def test_round_trip_returns_the_image(impl, height, width):
    x = image(height, width)
    back = spectrum.irfft2(spectrum.rfft2(x, impl=impl), width, impl=impl)
    np.testing.assert_allclose(back, x, atol=5e-6)


EXTREMES = {
    "zero": np.zeros((1, 8, 8, 2), np.float32),
    "constant": np.full((1, 8, 8, 2), 0.5, np.float32),
    "huge": image(8, 8)[:1, ..., :2] * 1e30,
    "tiny": image(8, 8)[:1, ..., :2] * 1e-30,
    "denormal": np.full((1, 8, 8, 2), 1e-42, np.float32),
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", EXTREMES)
def test_polar_forms_have_finite_gradients(name, dtype):
    def through(x):
        amplitude, phasor = spectrum.amplitude_and_phasor(*spectrum.rfft2(x))
        literal, phase = spectrum.amplitude_and_phase(*spectrum.rfft2(x))
        turned = spectrum.rotate(phasor, jnp.ones_like(amplitude))
        return sum(
            jnp.sin(a).sum() for a in (amplitude / (1 + amplitude), *turned, literal / (1 + literal), phase)
        )

    value, gradient = jax.value_and_grad(through)(jnp.asarray(EXTREMES[name], dtype))
    assert jnp.isfinite(value)
    assert jnp.isfinite(gradient.astype(jnp.float32)).all()


def test_amplitude_times_phasor_is_the_spectrum():
    re, im = spectrum.rfft2(image(16, 16))
    amplitude, (cosine, sine) = spectrum.amplitude_and_phasor(re, im)
    np.testing.assert_allclose(amplitude * cosine, re, atol=1e-6)
    np.testing.assert_allclose(amplitude * sine, im, atol=1e-6)
    np.testing.assert_allclose(jnp.hypot(cosine, sine)[jnp.hypot(re, im) > 0.1], 1.0, atol=1e-5)


def test_rotation_by_a_quarter_turn_swaps_the_parts():
    cosine, sine = spectrum.rotate(
        (jnp.ones((1, 1, 1, 1)), jnp.zeros((1, 1, 1, 1))), jnp.full((1, 1, 1, 1), jnp.pi / 2)
    )
    np.testing.assert_allclose((cosine.item(), sine.item()), (0.0, 1.0), atol=1e-6)


@given(height=sizes, width=sizes, bands=st.integers(2, 8))
def test_radial_bands_are_a_partition_of_unity(height, width, bands):
    windows = spectrum.radial_bands(height, width, bands)
    assert windows.shape == (height, width // 2 + 1, bands)
    assert windows.min() >= 0
    np.testing.assert_allclose(windows.sum(-1), 1.0, atol=1e-6)
    assert windows[0, 0, 0] == 1.0  # the mean belongs to the lowest band alone


@pytest.mark.parametrize("impl", ["fft", "auto"])
def test_sharded_transform_has_no_all_gather(impl):
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    x = jax.device_put(np.zeros((8, 8, 8, 2), np.float32), NamedSharding(mesh, PartitionSpec("data")))

    def there_and_back(x):
        return spectrum.irfft2(spectrum.rfft2(x, impl=impl), 8, impl=impl).sum()

    with jax.set_mesh(mesh):
        compiled = jax.jit(jax.grad(there_and_back)).lower(x).compile().as_text()
    assert "fft(" in compiled
    assert "all-gather" not in compiled


def test_batch_that_does_not_divide_over_the_mesh_still_transforms():
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    x = image(8, 8)
    with jax.set_mesh(mesh):
        re, _ = jax.jit(spectrum.rfft2)(x)
    np.testing.assert_allclose(re, np.fft.rfft2(x, axes=(1, 2), norm="ortho").real, atol=1e-5)


def lowered_for_tpu(impl):
    def there_and_back(x):
        return spectrum.irfft2(spectrum.rfft2(x, impl=impl), 16, impl=impl).sum()

    return jax.export.export(jax.jit(jax.grad(there_and_back)), platforms=["tpu"])(
        jnp.zeros((2, 16, 16, 4))
    ).mlir_module()


def test_dft_lowers_for_tpu_without_complex_numbers():
    assert "complex<" not in lowered_for_tpu("dft")


def test_auto_takes_the_matrix_form_on_tpu():
    assert "stablehlo.fft" in lowered_for_tpu("fft")
    assert "stablehlo.fft" not in lowered_for_tpu("auto")


@settings(max_examples=5, deadline=None)
@given(height=sizes, width=sizes)
def test_mirroring_conjugates_a_centred_spectrum_and_reverses_its_rows(height, width):
    x = image(height, width)
    bins = spectrum.rfft2(x)
    re, im = spectrum.centred(bins, width)
    mirrored_re, mirrored_im = spectrum.centred(spectrum.rfft2(x[:, :, ::-1]), width)
    rows = -np.arange(height) % height
    np.testing.assert_allclose(mirrored_re, re[:, rows], atol=1e-4)
    np.testing.assert_allclose(mirrored_im, -im[:, rows], atol=1e-4)
    for back, there in zip(spectrum.uncentred((re, im), width), bins, strict=True):
        np.testing.assert_allclose(back, there, atol=1e-4)
