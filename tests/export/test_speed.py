import dataclasses

import jax.numpy as jnp

from smlnet_jax.export import speed
from smlnet_jax.models import Output


@dataclasses.dataclass(frozen=True)
class Multiply:
    """A network of one weight, for as many matrix products as `work` says."""

    work: int

    def apply(self, params, x):
        y = x
        for _ in range(self.work):
            y = jnp.einsum("bhwc,hk->bkwc", y, params)
        return Output(sr=y)


def test_more_work_takes_longer_at_every_batch():
    little, much = (speed.measure(Multiply(work), jnp.eye(64) * 0.5, 64, seconds=0.05) for work in (1, 200))

    assert [one.batch for one in much] == list(speed.BATCHES)
    assert all(2 * one.milliseconds < other.milliseconds for one, other in zip(little, much, strict=True))


def test_device_has_a_name_that_is_no_number():
    assert any(letter.isalpha() for letter in speed.device_name().removesuffix("cores"))
