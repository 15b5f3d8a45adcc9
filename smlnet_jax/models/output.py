"""What every network returns."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Array, Float


class Output(NamedTuple):
    """What a network makes of X, float32 and unclipped; `fre` is None in a net with one output."""

    sr: Float[Array, "b h w 3"]
    fre: Float[Array, "b h w 3"] | None = None
