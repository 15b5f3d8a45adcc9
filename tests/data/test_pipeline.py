"""Batch n is a function of config, seed and n: not of stops, threads, processes or how faces are stored."""

import dataclasses
import itertools

import numpy as np
import pytest

from smlnet_jax.config import DataConfig
from smlnet_jax.data.degrade import make_lr
from smlnet_jax.data.pipeline import Batch, evaluation_batches, training_batches
from smlnet_jax.data.records import RecordWriter
from smlnet_jax.data.sources import open_source
from smlnet_jax.errors import UserError

PLAIN = {"hflip": False, "zoom": (1.0, 1.0)}


def _batches(config: DataConfig, count: int, batch_size: int = 4, seed: int = 0, **options) -> list[Batch]:
    batches = training_batches(config, batch_size=batch_size, seed=seed, **options)
    return list(itertools.islice(batches, count))


def _assert_equal(one: Batch, other: Batch) -> None:
    assert one.names == other.names
    assert np.array_equal(one.hr, other.hr) and np.array_equal(one.lr, other.lr)


@pytest.fixture
def config(faces128) -> DataConfig:
    return DataConfig(train=str(faces128), size=128, scale=8)


def test_batches_have_the_shapes_of_the_config(config):
    (batch,) = _batches(config, 1)
    assert batch.hr.shape == (4, 128, 128, 3) and batch.lr.shape == (4, 16, 16, 3)
    assert batch.hr.dtype == batch.lr.dtype == np.uint8
    assert len(batch.names) == 4


@pytest.mark.parametrize("kernel", ["pil_bicubic", "blind"])
def test_a_later_start_gives_exactly_the_later_batches(config, kernel):
    config = dataclasses.replace(config, lr_kernel=kernel)
    whole = _batches(config, 7)  # more than an epoch of the generated faces
    for start in (1, 4, 6):
        for one, other in zip(_batches(config, 7 - start, start_step=start), whole[start:], strict=True):
            _assert_equal(one, other)


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_together_read_what_one_reads(config, processes):
    whole = _batches(config, 4)
    parts = [_batches(config, 4, process_index=p, process_count=processes) for p in range(processes)]
    for n in range(4):
        for p in range(processes):
            assert parts[p][n].names == whole[n].names[p::processes]
            assert np.array_equal(parts[p][n].hr, whole[n].hr[p::processes])
            assert np.array_equal(parts[p][n].lr, whole[n].lr[p::processes])


def test_processes_resume_where_they_were(config):
    whole = _batches(config, 4, process_index=1, process_count=2)
    resumed = _batches(config, 2, process_index=1, process_count=2, start_step=2)
    _assert_equal(resumed[0], whole[2])


def test_a_batch_may_be_a_single_face(config):
    whole = [name for batch in _batches(config, 2, batch_size=2) for name in batch.names]
    assert [batch.names for batch in _batches(config, 4, batch_size=1)] == [(name,) for name in whole]


def test_thread_count_changes_nothing(config):
    for one, other in zip(
        _batches(config, 4), _batches(dataclasses.replace(config, threads=5), 4), strict=True
    ):
        _assert_equal(one, other)


def test_another_seed_gives_another_order_and_other_crops(config):
    one, other = _batches(config, 3), _batches(config, 3, seed=1)
    assert [b.names for b in one] != [b.names for b in other]


def test_every_epoch_shows_each_face_once_in_a_new_order(tmp_path, write_face):
    for seed in range(12):
        write_face(tmp_path / f"{seed}.png", 16, seed=seed)
    names = [b.names for b in _batches(DataConfig(train=str(tmp_path), size=16, scale=2), 9)]
    epochs = [sum(names[start : start + 3], ()) for start in (0, 3, 6)]
    assert all(len(set(epoch)) == 12 for epoch in epochs)
    assert len(set(epochs)) == 3


def test_without_augmentation_a_batch_is_the_faces_themselves(config):
    source = open_source(config.train)
    by_name = {source[i].name: source[i].image for i in range(len(source))}
    (batch,) = _batches(dataclasses.replace(config, **PLAIN), 1)
    for hr, name in zip(batch.hr, batch.names, strict=True):
        assert np.array_equal(hr, by_name[name])


def test_flip_mirrors_about_half_of_the_faces_and_changes_nothing_else(config):
    source = open_source(config.train)
    by_name = {source[i].name: source[i].image for i in range(len(source))}
    flipped = []
    for batch in _batches(dataclasses.replace(config, zoom=(1.0, 1.0)), 20):
        for hr, name in zip(batch.hr, batch.names, strict=True):
            flipped.append(np.array_equal(hr, by_name[name][:, ::-1]))
            assert flipped[-1] or np.array_equal(hr, by_name[name])
    assert 20 < sum(flipped) < 60


def test_zoom_shows_another_part_each_epoch(tmp_path, write_face):
    write_face(tmp_path / "a.png", 64)
    config = DataConfig(train=str(tmp_path), size=64, scale=8, hflip=False, zoom=(1.3, 1.3))
    (batch,) = _batches(config, 1)
    assert len({hr.tobytes() for hr in batch.hr}) == 4
    assert set(batch.names) == {"a.png"}


@pytest.mark.parametrize("kernel", ["pil_bicubic", "matlab_bicubic", "area"])
def test_lr_is_made_of_the_augmented_face(config, kernel):
    (batch,) = _batches(dataclasses.replace(config, lr_kernel=kernel), 1)
    for hr, lr in zip(batch.hr, batch.lr, strict=True):
        assert np.array_equal(lr, make_lr(hr, 8, kernel))


def test_blind_ranges_of_the_config_reach_the_degradation(config):
    mild = dataclasses.replace(
        config, lr_kernel="blind", blind_blur=(0.0, 0.0), blind_noise=(0.0, 0.0), blind_jpeg=(100, 100)
    )
    harsh = dataclasses.replace(mild, blind_noise=(0.2, 0.2))
    error = [
        np.mean([np.abs(lr - make_lr(hr, 8).astype(int)).mean() for hr, lr in zip(b.hr, b.lr, strict=True)])
        for b in (_batches(mild, 1)[0], _batches(harsh, 1)[0])
    ]
    assert error[1] > 1.5 * error[0]


def test_packed_faces_give_the_batches_of_their_folder(config, tmp_path):
    source = open_source(config.train)
    with RecordWriter(tmp_path / "faces.array_record") as writer:
        for name in source.names:
            writer.write(name, (source.root / name).read_bytes())
    packed = _batches(dataclasses.replace(config, train=str(tmp_path)), 4)
    for one, other in zip(packed, _batches(config, 4), strict=True):
        _assert_equal(one, other)


def test_batch_that_the_processes_cannot_share_is_refused(config):
    with pytest.raises(UserError, match="batch_size=4 must be divisible by the 3 processes"):
        _batches(config, 1, process_count=3)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda file, write: write(file, 31, 32), r"x y\.png of .* is 31x32"),
        (lambda file, write: file.write_bytes(file.read_bytes()[:60]), r"x y\.png cannot be decoded"),
        (lambda file, write: file.write_text("text"), r"x y\.png is no JPEG"),
    ],
)
def test_face_that_cannot_be_used_stops_training_with_its_name(tmp_path, write_face, spoil, message):
    spoil(write_face(tmp_path / "x y.png", 32), write_face)
    with pytest.raises(UserError, match=message) as error:
        _batches(DataConfig(train=str(tmp_path), size=32, scale=4), 1)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("limit", "sizes"), [(0, [4, 4, 3]), (5, [4, 1]), (8, [4, 4]), (99, [4, 4, 3])])
def test_evaluation_counts_every_face_once_and_masks_the_padding(tmp_path, write_face, limit, sizes):
    for seed in range(11):
        write_face(tmp_path / f"{seed:02d}.png", 16, seed=seed)
    source = open_source(str(tmp_path))
    batches = list(evaluation_batches(source, scale=4, lr_kernel="pil_bicubic", batch_size=4, limit=limit))

    assert [mask.sum() for _, mask in batches] == sizes
    assert all(batch.hr.shape == (4, 16, 16, 3) and mask.shape == (4,) for batch, mask in batches)
    names = [name for b, mask in batches for name, real in zip(b.names, mask, strict=True) if real]
    assert names == [source[i].name for i in range(sum(sizes))]
    faces = np.concatenate([batch.hr[mask] for batch, mask in batches])
    assert all(np.array_equal(face, source[i].image) for i, face in enumerate(faces))


def test_blind_evaluation_is_the_same_every_time_and_in_every_batch_size(faces128):
    source = open_source(str(faces128))
    lr = [
        np.concatenate([batch.lr[mask] for batch, mask in evaluation_batches(
            source, scale=8, lr_kernel="blind", batch_size=size, limit=6
        )])
        for size in (1, 4, 4)
    ]  # fmt: skip
    assert np.array_equal(lr[0], lr[1]) and np.array_equal(lr[1], lr[2])


def test_face_that_is_smaller_than_the_scale_is_named(tmp_path, write_face):
    write_face(tmp_path / "a.png", 3)
    batches = evaluation_batches(open_source(str(tmp_path)), scale=4, lr_kernel="pil_bicubic", batch_size=1)
    with pytest.raises(UserError, match=r"a\.png of .* is 3x3; .* data\.scale=4 divides"):
        next(batches)


@pytest.mark.parametrize(("width", "scale"), [(24, 4), (18, 4)])
def test_faces_of_two_sizes_or_of_one_that_the_scale_does_not_divide_are_named(
    tmp_path, write_face, width, scale
):
    write_face(tmp_path / "a.png", 18 if width == 18 else 16)
    write_face(tmp_path / "b.png", width)
    batches = evaluation_batches(
        open_source(str(tmp_path)), scale=scale, lr_kernel="pil_bicubic", batch_size=2
    )
    with pytest.raises(UserError, match=r"[ab]\.png of .* is (24x24|18x18); .* data\.scale=4 divides"):
        next(batches)
