"""FID: Heusel, Ramsauer, Unterthiner, Nessler and Hochreiter, "GANs Trained by a Two Time-Scale Update Rule
Converge to a Local Nash Equilibrium", NeurIPS 2017.

The distance between two sets of images as that between two Gaussians fitted to their features:

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))

It compares sets, not pairs, and falls with the number of images even where the sets are alike: only figures
over equally many images compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from smlnet_jax.errors import UserError
from smlnet_jax.metrics.arrays import check, one_of, read_arrays


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and scatter (sum of outer products around the mean) of the features seen so far."""

    count: int
    mean: Float[np.ndarray, " f"]
    scatter: Float[np.ndarray, "f f"]

    @classmethod
    def of(cls, features: Float[np.ndarray, "n f"]) -> Moments:
        """The state of one batch, in double precision."""
        features = np.asarray(features, np.float64)
        mean = features.mean(0)
        return cls(len(features), mean, (features - mean).T @ (features - mean))

    def merge(self, other: Moments) -> Moments:
        """The state of both together, in any order and grouping: Chan, Golub and LeVeque, 1983."""
        count = self.count + other.count
        apart = other.mean - self.mean
        mean = self.mean + apart * (other.count / count)
        between = np.outer(apart, apart) * (self.count * other.count / count)
        return Moments(count, mean, self.scatter + other.scatter + between)

    def compute(self) -> Gaussian:
        """Mean and sample covariance. Raises `UserError` for fewer than two images, which have none."""
        if self.count < 2:
            raise UserError("a single image has no covariance, so FID needs two or more on each side")
        return Gaussian(self.mean, self.scatter / (self.count - 1))


@dataclass(frozen=True, eq=False)
class Gaussian:
    """What FID knows of a set of images."""

    mean: Float[np.ndarray, " f"]
    covariance: Float[np.ndarray, "f f"]


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """The squared 2-Wasserstein distance of two Gaussians, 0 or more; symmetric.

    The root's trace is that of S1^(1/2) S2 S1^(1/2), which is symmetric: no complex numbers, and nothing is
    added to the diagonal where there are fewer images than features. Raises `UserError` if the features are
    not of one size.
    """
    if one.mean.shape != other.mean.shape:
        raise UserError(
            f"one set has {len(one.mean)} features an image and the other {len(other.mean)}; take both from "
            "one network"
        )
    values, vectors = np.linalg.eigh(one.covariance)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    shared = np.linalg.eigvalsh(root @ other.covariance @ root).clip(0)
    apart = one.mean - other.mean
    spread = np.trace(one.covariance) + np.trace(other.covariance) - 2 * np.sqrt(shared).sum()
    return max(float(apart @ apart + spread), 0.0)


def read_gaussian(path: Path) -> Gaussian:
    """From an `.npz` with `mu` and `sigma`, as pytorch-fid saves them, or with `features` [images, features].

    Raises `UserError` for a file that holds neither, or numbers that do not fit together.
    """
    arrays = read_arrays(path)
    if "features" in arrays:
        features = arrays["features"]
        if features.ndim != 2:
            raise UserError(f"features in {path} has the shape {features.shape}; it takes one row an image")
        return Moments.of(check(features, features.shape, "features", path)).compute()
    mean = one_of(arrays, ("mu", "features"), path)
    size = mean.size
    return Gaussian(
        np.asarray(check(mean, (size,), "mu", path), np.float64),
        np.asarray(check(one_of(arrays, ("sigma",), path), (size, size), "sigma", path), np.float64),
    )


def write_gaussian(file, gaussian: Gaussian) -> None:
    """Writes what `read_gaussian` and pytorch-fid read."""
    np.savez(file, mu=gaussian.mean, sigma=gaussian.covariance)
