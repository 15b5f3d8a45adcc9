"""A mean that merges, so that a data set scored in padded batches has exactly the mean of its images."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
from jaxtyping import Array, Bool, Float


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Mean:
    """Sum and count of the values seen so far.

    NumPy values stay in NumPy and keep their precision; JAX values may be traced, and the state is a pytree.
    """

    total: Float[Array, ""] | float
    count: Array | int

    @classmethod
    def of(
        cls,
        values: Float[Array, " b"] | Float[np.ndarray, " b"],
        mask: Bool[Array, " b"] | Bool[np.ndarray, " b"] | None = None,
    ) -> Mean:
        """The state of one batch; values where `mask` is False are padding, whatever they hold (NaN, too)."""
        if mask is None:
            return cls(values.sum(), values.size)
        return cls(values.sum(where=mask), mask.sum())

    def merge(self, other: Mean) -> Mean:
        """The state of both together, in any order and grouping."""
        return Mean(self.total + other.total, self.count + other.count)

    def compute(self) -> Float[Array, ""] | float:
        """The mean; NaN of nothing."""
        return self.total / self.count
