"""The model on paper, against sums done by hand and a ring that is walked through."""

import numpy as np
import pytest

from benchmarks import communication
from benchmarks.communication import (
    CHIPS,
    MACHINES,
    Level,
    all_reduce_bytes,
    all_reduce_seconds,
    compute_seconds,
    efficiency,
    fsdp_bytes,
    images_to_hide,
)

PARAMETERS, MACS = 6_000_000, 16_000_000_000


@pytest.mark.parametrize("chips", [2, 4, 8])
def test_bytes_are_those_that_a_ring_sends(chips):
    """Reduce-scatter, then all-gather: each step a chip hands one part of its vector to the next."""
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(chips, chips, 3)).astype(np.float32)  # [chip, part, elements]
    held, sent = gradients.copy(), 0
    for step in range(2 * (chips - 1)):
        handed = [held[chip, (chip - step) % chips].copy() for chip in range(chips)]
        sent += handed[0].nbytes
        for chip in range(chips):
            part = (chip - 1 - step) % chips
            adds = step < chips - 1
            held[chip, part] = handed[chip - 1] + (held[chip, part] if adds else 0)
    np.testing.assert_allclose(held, np.broadcast_to(gradients.sum(0), held.shape), rtol=1e-5)
    assert sent == all_reduce_bytes(3 * chips, chips)


def test_fsdp_sends_half_as_much_again():
    assert fsdp_bytes(PARAMETERS, 8) == pytest.approx(1.5 * all_reduce_bytes(PARAMETERS, 8))


def test_second_level_moves_what_the_first_has_left():
    node, nodes = Level(8, 400e9, 0.0), Level(4, 50e9, 0.0)
    whole = PARAMETERS * 4
    by_hand = 2 * 7 / 8 * whole / 400e9 + 2 * 3 / 4 * (whole / 8) / 50e9
    assert all_reduce_seconds(PARAMETERS, (node, nodes)) == pytest.approx(by_hand)


def test_efficiency_by_hand():
    assert compute_seconds(MACS, 10, 1e15, 0.5) == pytest.approx(6 * MACS * 10 / 5e14)
    assert efficiency(3.0, 1.0, hidden=False) == pytest.approx(0.75)
    assert efficiency(3.0, 2.0, hidden=True) == 1  # two of three seconds are the backward pass
    assert efficiency(3.0, 3.0, hidden=True) == pytest.approx(0.75)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_shapes_hold_as_many_chips_as_they_say_and_hiding_begins_where_it_is_said_to(machine):
    for chips in CHIPS:
        levels = machine.levels[chips]
        assert np.prod([level.chips for level in levels]) == chips
        images = images_to_hide(PARAMETERS, MACS, machine, chips, 0.3)
        moving = all_reduce_seconds(PARAMETERS, levels)
        for factor, full in ((1.01, True), (0.9, False)):
            compute = compute_seconds(MACS, factor * images, machine.peak, 0.3)
            assert (efficiency(compute, moving, hidden=True) == 1) == full


def test_command_prints_a_row_for_each_machine_and_size(capsys):
    assert communication.main(["--variants", "smlnet_test", "--size", "16"]) == 0
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(MACHINES) * len(CHIPS)
    assert len({line.count("|") for line in table}) == 1
