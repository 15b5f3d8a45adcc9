"""What training minimises: the terms by hand, the schedule of the auxiliary one, and finite gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from smlnet_jax.config import LossConfig
from smlnet_jax.losses import fre_weight, l1, restoration_loss, rgb_psnr, spectral
from smlnet_jax.models import Output

HR = np.random.default_rng(5).uniform(0, 1, (2, 8, 6, 3)).astype(np.float32)
SR, FRE = HR + 0.1, HR - 0.3


def test_l1_is_the_mean_over_all_elements():
    np.testing.assert_allclose(l1(SR, HR), 0.1, rtol=1e-5)


def test_complex_spectral_loss_is_that_of_numpy():
    other = np.random.default_rng(6).uniform(0, 1, HR.shape)
    difference = np.fft.rfft2(other - HR, axes=(1, 2), norm="backward")
    expected = (np.abs(difference.real).mean() + np.abs(difference.imag).mean()) / 2
    np.testing.assert_allclose(spectral(jnp.asarray(other, jnp.float32), HR, "complex"), expected, rtol=1e-5)


def test_polar_spectral_loss_is_that_of_numpy():
    other = np.random.default_rng(6).uniform(0, 1, HR.shape).astype(np.float32)
    ours, theirs = (np.fft.rfft2(x.astype(np.float64), axes=(1, 2), norm="backward") for x in (other, HR))
    # A real bin lies on the cut of the angle: which of +pi and -pi it has is a matter of rounding.
    phase = np.abs(np.abs(np.angle(ours)) - np.abs(np.angle(theirs)))
    same_side = np.sign(np.angle(ours)) == np.sign(np.angle(theirs))
    phase = np.where(same_side, phase, np.abs(np.angle(ours) - np.angle(theirs)))
    expected = np.abs(np.abs(ours) - np.abs(theirs)).mean() + phase.mean()
    np.testing.assert_allclose(spectral(other, HR, "polar"), expected, rtol=0.05)


def test_loss_is_the_weighted_sum_of_its_terms():
    config = LossConfig(spectral_weight=0.01)
    total, terms = restoration_loss(Output(SR, FRE), HR, config, 0.5)
    np.testing.assert_allclose(terms["l1"], 0.1, rtol=1e-5)
    np.testing.assert_allclose(terms["l1_fre"], 0.3, rtol=1e-5)
    np.testing.assert_allclose(
        total, terms["l1"] + 0.5 * terms["l1_fre"] + 0.01 * terms["spectral"], rtol=1e-6
    )


@pytest.mark.parametrize(("looks_at", "image"), [("fre", FRE), ("spa", SR)])
def test_spectral_term_looks_at_the_output_it_is_told_to(looks_at, image):
    _, terms = restoration_loss(Output(SR, FRE), HR, LossConfig(spectral_on=looks_at), 1.0)
    np.testing.assert_allclose(terms["spectral"], spectral(image, HR, "complex"), rtol=1e-6)


def test_network_with_one_output_has_no_auxiliary_term():
    total, terms = restoration_loss(Output(SR), HR, LossConfig(), 1.0)
    assert terms.keys() == {"l1", "spectral"}
    np.testing.assert_allclose(terms["spectral"], spectral(SR, HR, "complex"), rtol=1e-6)
    np.testing.assert_allclose(total, terms["l1"] + 0.01 * terms["spectral"], rtol=1e-6)


def test_weight_of_zero_leaves_the_spectral_term_out():
    total, terms = restoration_loss(Output(SR, FRE), HR, LossConfig(spectral_weight=0.0), 1.0)
    assert "spectral" not in terms
    np.testing.assert_allclose(total, 0.4, rtol=1e-5)


@pytest.mark.parametrize(("step", "weight"), [(0, 1.0), (50, 0.6), (100, 0.2), (400, 0.2)])
def test_auxiliary_weight_falls_linearly_and_stays(step, weight):
    config = LossConfig(fre_weight=1.0, fre_weight_final=0.2)
    np.testing.assert_allclose(fre_weight(jnp.asarray(step), config, steps=101), weight, rtol=1e-6)


def test_auxiliary_weight_of_a_run_of_one_step_is_the_first():
    config = LossConfig(fre_weight=1.0, fre_weight_final=0.2)
    assert fre_weight(jnp.asarray(0), config, steps=1) == 1.0


@pytest.mark.parametrize("kind", ["complex", "polar"])
@pytest.mark.parametrize(
    ("image", "target"),
    [(0.0, 0.0), (0.5, 0.5), (0.5, 0.2), (1e4, 0.0), (1e-20, 0.0)],
    ids=["black", "constant and right", "constant", "huge", "tiny"],
)
def test_gradient_is_finite_on_degenerate_images(kind, image, target):
    config = LossConfig(spectral=kind)

    def loss(x):
        return restoration_loss(Output(x, x), jnp.full_like(x, target), config, 1.0)[0]

    value, gradient = jax.value_and_grad(loss)(jnp.full((1, 8, 8, 3), image))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_psnr_of_the_log_clips_and_is_a_mean_over_images():
    pair = np.stack([np.full((4, 4, 3), 0.5), np.full((4, 4, 3), 0.5)])
    off = pair + np.asarray([0.1, 0.01])[:, None, None, None]
    np.testing.assert_allclose(rgb_psnr(off, pair), (20 + 40) / 2, rtol=1e-4)
    assert rgb_psnr(np.full((1, 4, 4, 3), 7.0), np.ones((1, 4, 4, 3))) == 100  # clipped to 1, and right
