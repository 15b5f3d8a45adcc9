"""Self-ensemble: one network on a face and on its mirror image, and the mean of both."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from smlnet_jax.models.model import Model, Params
from smlnet_jax.models.output import Output


@dataclasses.dataclass(frozen=True)
class SelfEnsemble(Model):
    """`Model` whose outputs are the mean of f(X) and mirror(f(mirror(X))), at twice the cost of f.

    Lim et al., EDSR, CVPRW 2017 (geometric self-ensemble), of whose eight views a face has two. Parameters
    are those of f; nothing is trained for it.
    """

    @classmethod
    def of(cls, model: Model) -> Model:
        """The same network, asked twice; one that mirrors by itself as it is: nothing is left to average."""
        return model if model.mirrors else cls(model.config, model.network)

    def apply(self, params: Params, x: Float[Array, "b h w 3"]) -> Output:
        views = jnp.stack([x, _mirror(x)], 1)  # side by side, so that a face's views lie on its device
        both = super().apply(params, views.reshape(-1, *x.shape[1:]))
        return jax.tree.map(lambda image: _mean(image.reshape(views.shape)), both)

    def macs(self, height: int = 128, width: int = 128) -> int:
        return 2 * super().macs(height, width)


def _mirror(x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    return x[:, :, ::-1]


def _mean(views: Float[Array, "b 2 h w c"]) -> Float[Array, "b h w c"]:
    return (views[:, 0] + _mirror(views[:, 1])) / 2
