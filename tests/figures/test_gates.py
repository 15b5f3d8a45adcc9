import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from smlnet_jax.errors import UserError
from smlnet_jax.figures.gates import gate_maps
from smlnet_jax.models import create


@pytest.fixture(scope="module")
def lr():
    return np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), np.uint8)


def test_gates_of_each_stage_in_the_order_of_the_data(tiny, lr):
    model, params = tiny
    gates = params["decoder"]["1"]["msim"]["interact"]["gates"]["expand"]
    width = gates["bias"].shape[0] // 2
    fixed = {
        "kernel": jnp.zeros_like(gates["kernel"]),
        "bias": jnp.concatenate([jnp.full(width, 2.0), jnp.full(width, -1.0)]),
    }
    stage = params["decoder"]["1"]
    interact = stage["msim"]["interact"]
    interact = {**interact, "gates": {**interact["gates"], "expand": fixed}}
    stage = {**stage, "msim": {**stage["msim"], "interact": interact}}
    maps = gate_maps(model, {**params, "decoder": {**params["decoder"], "1": stage}}, lr, 16)

    sides = {"encoder 1": 8, "encoder 2": 4, "encoder 3": 2, "neck": 2}
    sides |= {"decoder 1": 4, "decoder 2": 8, "decoder 3": 16}
    assert [(name, m.shape) for name, m in maps.items()] == [(n, (2, 2, s, s)) for n, s in sides.items()]
    assert all(((m >= 0) & (m <= 1)).all() for m in maps.values())
    expected = 1 / (1 + np.exp([-2.0, 1.0]))  # gf, then gs
    np.testing.assert_allclose(
        maps["decoder 2"], np.broadcast_to(expected[:, None, None], (2, 2, 8, 8)), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"branches": "spatial"}, "one branch"),
        ({"fusion": "concat"}, "fusion is concat"),
        ({"fusion": "attention"}, "fusion is attention"),
        ({"fusion": "none"}, "none"),
    ],
)
def test_networks_without_gates_say_why(tiny, lr, changes, reason):
    with pytest.raises(UserError, match=reason):
        gate_maps(create(dataclasses.replace(tiny[0].config, **changes)), {}, lr, 16)
    with pytest.raises(UserError, match="one branch"):
        gate_maps(create("edsr"), {}, lr, 16)


def test_network_whose_msims_were_left_out_says_so(tiny, nowhere_zero, lr):
    model = create(dataclasses.replace(tiny[0].config, fusion_levels=()))
    with pytest.raises(UserError, match="no stage has an MSIM"):
        gate_maps(model, nowhere_zero(model), lr, 16)
