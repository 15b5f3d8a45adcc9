"""The network over many LR faces: a few batch sizes, each compiled once."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from smlnet_jax.errors import UserError
from smlnet_jax.models import Model
from smlnet_jax.models.model import Params
from smlnet_jax.ops.resize import upsample

BUCKETS = (1, 4, 16)  # faces in a batch; each size is a compilation


class SuperResolver:
    """LR faces to SR faces by one network. A face's result is the same in any batch, to rounding (1e-6)."""

    def __init__(self, model: Model, params: Params, *, size: int, scale: int) -> None:
        if scale < 2 or size % scale or size % model.config.stride:
            raise UserError(
                f"{model.config.name} cannot restore x{scale} to {size} pixels; the scale must be at least 2 "
                f"and divide the size, and so must {model.config.stride}"
            )
        self.size, self.scale, self.lr_size = size, scale, size // scale

        def restore(params: Params, lr: Float[Array, "b n n 3"]) -> Float[Array, "b size size 3"]:
            return jnp.clip(model.apply(params, upsample(lr, size)).sr, 0, 1)

        self._restore = jax.jit(restore)
        self._params = jax.device_put(params)

    def __call__(self, faces: Sequence[Float[np.ndarray, "n n 3"]]) -> list[Float[np.ndarray, "size size 3"]]:
        """SR in [0, 1] of every LR face of `lr_size` pixels, in order. Raises UserError where it is NaN."""
        results: list[np.ndarray] = []
        while len(results) < len(faces):
            left = faces[len(results) :]
            bucket = bucket_for(len(left))
            batch = np.zeros((bucket, self.lr_size, self.lr_size, 3), np.float32)
            batch[: min(bucket, len(left))] = np.stack(left[:bucket])
            results.extend(np.asarray(self._restore(self._params, batch))[: len(left)])
        if not all(np.isfinite(face).all() for face in results):
            raise UserError(
                "the network gives NaN or infinity on a face; these weights are broken, use others"
            )
        return results


def bucket_for(count: int) -> int:
    """The batch that `count` faces begin with: one that they fill, unless the last few fit into the next."""
    filled = max(bucket for bucket in BUCKETS if bucket <= count)
    following = next((bucket for bucket in BUCKETS if bucket > filled), filled)
    return following if 2 * count > following else filled
