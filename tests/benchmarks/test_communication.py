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
    efficiency,
    fsdp_bytes,
    fsdp_seconds,
    image_seconds,
    images_to_hide,
    in_words,
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
    ring = (Level(8, 400e9, 0.0),)  # without latency: the bytes at that bandwidth
    assert fsdp_seconds(PARAMETERS, ring) == pytest.approx(fsdp_bytes(PARAMETERS, 8) / 400e9)


def test_second_level_moves_what_the_first_has_left():
    node, nodes = Level(8, 400e9, 0.0), Level(4, 50e9, 0.0)
    whole = PARAMETERS * 4
    by_hand = 2 * 7 / 8 * whole / 400e9 + 2 * 3 / 4 * (whole / 8) / 50e9
    assert all_reduce_seconds(PARAMETERS, (node, nodes)) == pytest.approx(by_hand)


def test_efficiency_by_hand():
    assert image_seconds(MACS, 1e15, 0.5) == pytest.approx(6 * MACS / 5e14)
    assert efficiency(3.0, 1.0, hidden=False) == pytest.approx(0.75)
    assert efficiency(3.0, 2.0, hidden=True) == 1  # two of three seconds are the backward pass
    assert efficiency(3.0, 3.0, hidden=True) == pytest.approx(0.75)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_shapes_hold_as_many_chips_as_they_say_and_hiding_begins_where_it_is_said_to(machine):
    for chips in CHIPS:
        levels = machine.levels[chips]
        assert np.prod([level.chips for level in levels]) == chips
        an_image = image_seconds(MACS, machine.peak, 0.3)
        moving = all_reduce_seconds(PARAMETERS, levels)
        images = images_to_hide(moving, an_image)
        for factor, full in ((1.01, True), (0.9, False)):
            assert (efficiency(factor * images * an_image, moving, hidden=True) == 1) == full


def test_times_below_a_millisecond_are_told_in_microseconds():
    assert [in_words(seconds) for seconds in (0.0123, 1e-3, 4.26e-5)] == ["12.3 ms", "1.0 ms", "43 µs"]


def printed(capsys, *flags: str) -> list[list[str]]:
    """The cells of the table, without those that name the columns."""
    assert communication.main(["--variants", "smlnet_test", "--size", "16", *flags]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert len({len(row) for row in cells}) == 1
    return cells[2:]


def test_command_prints_a_row_for_each_machine_and_size(capsys):
    assert len(printed(capsys)) == len(MACHINES) * len(CHIPS)


def test_measured_rate_takes_the_place_of_a_share_of_the_peak(capsys):
    rows = printed(capsys, "--images-per-second", "1000", "--machines", "h200", "--images", "8,64")
    assert [row[:2] for row in rows] == [["H100, H200", str(chips)] for chips in CHIPS]
    for row in rows:  # 8 and 64 images of a millisecond each
        assert [cell.partition(",")[0] for cell in row[5:7]] == ["8.0 ms", "64.0 ms"]


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("--images=a", "--images=a must be numbers of images"),
        ("--images=4,0", "--images=4,0 must be numbers of images"),
        ("--achieved=0", "--achieved=0 must be a share, above 0 and at most 1"),
        ("--achieved=30", "--achieved=30 must be a share, above 0 and at most 1"),
        ("--achieved=nan", "--achieved=nan must be a share"),
        ("--images-per-second=0 --variants=smlnet_test", "--images-per-second=0 must be above 0"),
        ("--images-per-second=9", "is the rate of one network; give --variants=smlnet, say"),
        ("--machines=A100", "--machines=A100 is none of H100, H200; TPU v5e; TPU v5p"),
        ("--variants=bicubic", "bicubic has no parameters to train"),
        ("--variants=smlnet_tset", "smlnet_tset"),
        ("--size=0", "--size=0 must be 1 or more"),
    ],
)
def test_flags_that_mean_nothing_are_refused_in_a_sentence(capsys, flags, sentence):
    assert communication.main(flags.split()) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and sentence in said and said.count("\n") == 1
