"""Self-ensemble: one network on a face and on its mirror image, and the mean of both."""

from __future__ import annotations

import dataclasses

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
        straight, mirrored = super().apply(params, x), super().apply(params, _mirror(x))
        sr = (straight.sr + _mirror(mirrored.sr)) / 2
        if straight.fre is None or mirrored.fre is None:
            return Output(sr)
        return Output(sr, (straight.fre + _mirror(mirrored.fre)) / 2)

    def macs(self, height: int = 128, width: int = 128) -> int:
        return 2 * super().macs(height, width)


def _mirror(x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    return x[:, :, ::-1]
