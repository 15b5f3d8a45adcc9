"""Why the protocols score one pair of images differently, measured one change at a time, in words."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from smlnet_jax.metrics.correlation import correlate
from smlnet_jax.metrics.protocols import PROTOCOLS, Protocol
from smlnet_jax.metrics.psnr import psnr
from smlnet_jax.metrics.ssim import C2, ssim

STUDIO_RANGE = 20 * math.log10(
    255 / 219
)  # dB: what an equal error of R, G and B shrinks by on Y's 219 levels

_WEIGHTS = np.array([65.481, 128.553, 24.966]) / 219  # of R, G and B in Y (ITU-R BT.601)

Image = UInt8[np.ndarray, "h w 3"]

_LOOKS_AT = {
    "sfmnet": "Y rounded, 8 pixels cut off each side, SSIM by 7x7 uniform windows",
    "sparnet": "Y truncated, SSIM by Gaussian windows",
    "basicsr": "Y not quantised, SSIM by Gaussian windows",
    "rgb": "R, G and B, SSIM by Gaussian windows",
}

# The protocols on the way between the named ones, each one change from its neighbours.
_ROUNDED = replace(PROTOCOLS["basicsr"], channels="y_rounded")
_CUT = replace(_ROUNDED, border=PROTOCOLS["sfmnet"].border)
_UNIFORM = replace(_CUT, window=PROTOCOLS["sfmnet"].window)
_ON_THE_WAY = {"rounded": _ROUNDED, "cut": _CUT, "uniform": _UNIFORM}


@dataclass(frozen=True)
class Step:
    """One change from protocol to protocol: what it moves, and why it does so for this pair."""

    change: str
    psnr: float  # dB gained
    ssim: float
    why: str


@dataclass(frozen=True)
class Explanation:
    """PSNR (dB) and SSIM by protocol, and the steps from `rgb` to each of the others."""

    scores: Mapping[str, tuple[float, float]]
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        lines = [f"  {'':9}{'PSNR dB':>9}{'SSIM':>9}"]
        for name, (decibels, similarity) in self.scores.items():
            lines.append(f"  {name:9}{decibels:9.3f}{similarity:9.4f}   {_LOOKS_AT[name]}")
        if not self.steps:
            return "\n".join(
                [*lines, "", "The two are the same in every pixel: there is nothing to explain."]
            )
        lines += ["", "From one to the next, one change at a time:"]
        for step in self.steps:
            lines += ["", f"  {step.change:46}{step.psnr:+z9.3f} dB{step.ssim:+z9.4f}"]
            lines += textwrap.wrap(step.why, 96, initial_indent="    ", subsequent_indent="    ")
        return "\n".join(lines)


def explain(sr: Image, hr: Image) -> Explanation:
    """What the four protocols say of a pair, and why. Raises `UserError` for images that are too small."""
    found = jax.device_get(_scores(_unit(sr), _unit(hr)))
    scores = {name: (float(a.item()), float(b.item())) for name, (a, b) in found.items()}
    steps = () if np.array_equal(sr, hr) else tuple(_steps(sr, hr, scores))
    return Explanation({name: scores[name] for name in PROTOCOLS}, steps)


@jax.jit
def _scores(sr: Float[Array, "1 h w 3"], hr: Float[Array, "1 h w 3"]):
    rules = PROTOCOLS | _ON_THE_WAY
    return {name: (psnr(sr, hr, rule), ssim(sr, hr, rule)) for name, rule in rules.items()}


def _steps(sr: Image, hr: Image, scores: Mapping[str, tuple[float, float]]) -> Iterator[Step]:
    errors = {name: _error(sr, hr, rule) for name, rule in (PROTOCOLS | _ON_THE_WAY).items()}

    def step(change: str, before: str, after: str, why: str) -> Step:
        psnr, ssim = (
            0.0 if new == old else new - old for old, new in zip(scores[before], scores[after], strict=True)
        )
        return Step(change, psnr, ssim, why)

    colour = step("rgb to basicsr: Y instead of R, G and B", "rgb", "basicsr", "")
    yield replace(colour, why=_why_colour(errors["rgb"], colour.psnr))
    exact, truncated, rounded = (errors[name] for name in ("basicsr", "sparnet", "rounded"))
    yield step("basicsr to sparnet: Y truncated", "basicsr", "sparnet", _why_levels(exact, truncated))
    yield step(
        "basicsr towards sfmnet: Y rounded", "basicsr", "rounded", _why_rounding(exact, rounded, truncated)
    )
    yield step("  8 pixels cut off each side", "rounded", "cut", _why_border(rounded, errors["cut"]))
    yield step("  SSIM by 7x7 uniform windows", "cut", "uniform", _why_window(hr))
    yield step("  SSIM's variances divided by 48, not 49", "uniform", "sfmnet", _why_covariance(hr))


def _error(sr: Image, hr: Image, rule: Protocol) -> Float[np.ndarray, "h w c"]:
    return np.asarray(rule.view(_unit(sr))[0] - rule.view(_unit(hr))[0], np.float64)


def _why_colour(error: Float[np.ndarray, "h w 3"], gain: float) -> str:
    mse = (error**2).mean((0, 1))
    size, weighed = np.sqrt(mse), float(_WEIGHTS @ mse)
    weights = 10 * math.log10(mse.mean() / weighed)  # dB, were Y's error as large as its parts on average
    cancelled = gain - STUDIO_RANGE - weights  # never below 0: a mean is no larger than what it is of
    return (
        f"Y has 219 levels where R, G and B have 255: {STUDIO_RANGE:+.2f} dB for any pair. R, G and B err by "
        f"{size[0]:.1f}, {size[1]:.1f} and {size[2]:.1f} levels (root mean square), and Y weighs them by "
        f"{_WEIGHTS[0]:.0%}, {_WEIGHTS[1]:.0%} and {_WEIGHTS[2]:.0%}: {weights:+z.2f} dB. Where their errors "
        f"differ, they partly cancel in Y: {cancelled:+z.2f} dB."
    )


def _why_levels(exact: np.ndarray, whole: np.ndarray) -> str:
    return (
        f"Whole levels move the mean squared error from {_mse(exact):.3f} to {_mse(whole):.3f}. On average "
        "they add about 1/6, twice the 1/12 of one quantisation: that counts only where images nearly agree."
    )


def _why_rounding(exact: np.ndarray, rounded: np.ndarray, truncated: np.ndarray) -> str:
    unlike = float((rounded != truncated).mean())
    return (
        f"The mean squared error goes from {_mse(exact):.3f} to {_mse(rounded):.3f}. Rounding and truncating "
        f"give another error in {unlike:.0%} of the pixels, by one level up or down; over the image that is "
        f"{_mse(rounded) - _mse(truncated):+z.3f}: truncation lowers both images by half a level alike."
    )


def _why_border(whole: np.ndarray, inside: np.ndarray) -> str:
    pixels = 1 - inside.size / whole.size
    total = (whole**2).sum()
    if not total:
        return "There is no error on Y in levels, neither along the border nor inside."
    share = 1 - (inside**2).sum() / total
    verdict = "harder than the middle" if share > pixels else "easier than the middle"
    return (
        f"The border is {pixels:.0%} of the pixels and holds {share:.0%} of the squared error: here it is "
        f"{verdict}. SSIM loses the windows that lie there."
    )


def _why_window(hr: Image) -> str:
    uniform, gaussian = (np.sqrt(_variances(hr, rule)).mean() for rule in (_UNIFORM, _CUT))
    area = 1 / sum(weight**2 for weight in _CUT.window) ** 2
    return (
        f"PSNR has no windows. A uniform one averages 49 pixels, a Gaussian one effectively {area:.0f}: the "
        f"original varies by {uniform:.1f} levels (standard deviation) inside the one and by {gaussian:.1f} "
        "inside the other, so that contrast and structure of other detail are compared."
    )


def _why_covariance(hr: Image) -> str:
    flat = float((_variances(hr, _UNIFORM) < C2).mean())
    return (
        "Variances and covariance grow by 49/48, and the constant beside them does not. That matters only "
        f"where the original's variance is below that constant ({C2:.1f}): in {flat:.0%} of the windows."
    )


def _variances(hr: Image, rule: Protocol) -> Float[np.ndarray, "h w"]:
    """Of Y in each window."""
    y = rule.view(_unit(hr)) - 128
    variances = correlate(y * y, rule.window) - correlate(y, rule.window) ** 2
    return np.maximum(np.asarray(variances[0, ..., 0], np.float64), 0)


def _mse(error: np.ndarray) -> float:
    return float((error**2).mean())


def _unit(image: Image) -> Float[Array, "1 h w 3"]:
    return jnp.asarray(image[None], jnp.float32) / 255
