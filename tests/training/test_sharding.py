"""Data parallel and FSDP: the same numbers as on one device, and no traffic but what they need."""

import dataclasses
from collections import Counter

import chex
import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from smlnet_jax.config import TrainConfig
from smlnet_jax.errors import UserError
from smlnet_jax.models import Model, create
from smlnet_jax.training.sharding import check_batch, fsdp_spec, to_host
from tests.training.bench import THREE, Bench, config_of, generated_images, traffic


@pytest.fixture(scope="module")
def alone():
    return Bench(THREE, config_of())


@pytest.fixture(scope="module")
def data_parallel():
    return Bench(THREE, config_of(), devices=8)


@pytest.fixture(scope="module")
def sharded():
    return Bench(THREE, config_of(fsdp=True), devices=8)


@pytest.mark.parametrize("kind", ["data_parallel", "sharded"])
def test_eight_devices_compute_what_one_does(alone, kind, images, request):
    one, one_metrics = alone.run(3, images)
    eight, eight_metrics = request.getfixturevalue(kind).run(3, images)
    chex.assert_trees_all_close(eight_metrics, one_metrics, rtol=1e-4)
    # Adam divides by the gradient's size: where that is rounding alone, its sign is, too.
    chex.assert_trees_all_close(eight.params, one.params, atol=2e-4)
    chex.assert_trees_all_close(eight.ema, one.ema, atol=2e-4)
    chex.assert_trees_all_close(eight.opt_state, one.opt_state, rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("fsdp", [False, True], ids=["data parallel", "FSDP"])
@pytest.mark.parametrize("devices", [2, 4])
def test_two_and_four_devices_have_the_losses_of_one(alone, data_parallel, devices, fsdp, images):
    bench = Bench(THREE, config_of(fsdp=fsdp), devices)
    chex.assert_trees_all_close(bench.run(2, images)[1], alone.run(2, images)[1], rtol=1e-4)
    if not fsdp:  # what is moved does not depend on their number
        assert traffic(bench.compiled) == traffic(data_parallel.compiled)


@pytest.fixture(scope="module")
def tied_alone():
    return Bench(Model(dataclasses.replace(THREE.config, mirror=True), THREE.network), config_of())


@pytest.mark.parametrize("fsdp", [False, True], ids=["data parallel", "FSDP"])
def test_tied_parameters_train_on_several_devices_as_on_one(tied_alone, data_parallel, fsdp, images):
    tied, bench = tied_alone.model, Bench(tied_alone.model, config_of(fsdp=fsdp), devices=2)
    (one, one_metrics), (two, two_metrics) = tied_alone.run(3, images), bench.run(3, images)
    chex.assert_trees_all_close(two_metrics, one_metrics, rtol=1e-4)
    chex.assert_trees_all_close(tied.tie(two.params), two.params, atol=1e-7)
    chex.assert_trees_all_close(two.params, one.params, atol=2e-4)
    if not fsdp:  # tying is done by each device on what it has
        moved, untied = (traffic(each.compiled) for each in (bench, data_parallel))
        assert moved.keys() == untied.keys() == {"all-reduce"}
        assert sorted(moved["all-reduce"]) == sorted(untied["all-reduce"])


def test_data_parallel_step_reduces_gradients_and_metrics_and_nothing_else(data_parallel):
    moved = traffic(data_parallel.compiled)
    assert moved.keys() == {"all-reduce"}
    parameters = sorted(leaf.size for leaf in jax.tree.leaves(data_parallel.abstract.params))
    metrics = [1] * 5  # loss, l1, l1_fre, spectral, psnr: means over the batch
    assert sorted(n for n in moved["all-reduce"] if n > 1) == parameters
    assert len([n for n in moved["all-reduce"] if n == 1]) <= len(metrics) + 1


def sizes(abstract, *, split: bool) -> list[int]:
    """Elements of each parameter, of those alone that are split over the devices, or of the others."""
    leaves = jax.tree.leaves(abstract.params)
    return [leaf.size for leaf in leaves if (leaf.sharding.spec != PartitionSpec()) == split]


def test_fsdp_step_gathers_each_split_parameter_twice_and_reduces_each_gradient_once(sharded):
    """A gather for the forward pass and one for the gradient of what came in; the gradient of a split
    parameter is reduced whole, and each device keeps its part: XLA has no reduce-scatter of it on a CPU.
    """
    moved, split, whole = (
        traffic(sharded.compiled),
        *(sizes(sharded.abstract, split=s) for s in (True, False)),
    )
    assert moved.keys() == {"all-gather", "all-reduce"}
    assert split == [3 * 3 * 32 * 32]
    assert Counter(moved["all-gather"]) == Counter(2 * split)
    assert Counter(n for n in moved["all-reduce"] if n > 1) == Counter(split + whole)
    means = 5 + 1  # loss, l1, l1_fre, spectral, psnr; one of them XLA may write twice
    assert moved["all-reduce"].count(1) <= means + len(split)  # and their share of the gradient's norm


@pytest.mark.slow
def test_fsdp_step_of_smlnet_test_gathers_each_split_parameter_twice():
    """Batches of 32: of smaller ones the coarsest features, 2x2 here, weigh less than a kernel, and XLA
    gathers them instead, and sends them back by all-to-all.
    """
    config = config_of(fsdp=True, batch_size=32)
    bench = Bench(create(config.model), config, devices=8, images=generated_images(32))
    moved, split = traffic(bench.compiled), sizes(bench.abstract, split=True)
    assert moved.keys() == {"all-gather", "all-reduce"}
    assert split == [3 * 3 * 32 * 16] * 7
    assert Counter(moved["all-gather"]) == Counter(2 * split)
    assert moved["all-reduce"].count(split[0]) == len(split)
    # A depthwise kernel is reduced in parts, in a loop, or in one with the kernels beside it.
    parameters = split + sizes(bench.abstract, split=False)
    assert max(moved["all-reduce"]) == max(parameters)
    assert sum(moved["all-reduce"]) <= sum(parameters) + 6 + len(split)


def test_fsdp_state_holds_a_share_of_what_is_large_on_each_device(sharded):
    state = sharded.fresh()
    for tree in (state.params, state.ema, state.opt_state[1].mu, state.opt_state[1].nu):
        kernel = tree["body"]["kernel"]
        assert kernel.addressable_shards[0].data.size == kernel.size // 8
        assert tree["head"]["kernel"].addressable_shards[0].data.size == tree["head"]["kernel"].size


def test_updated_state_stays_where_it_was_born(sharded, images):
    state, _ = sharded.update(sharded.fresh(), images)
    for leaf, like in zip(jax.tree.leaves(state), jax.tree.leaves(sharded.abstract), strict=True):
        assert leaf.sharding.is_equivalent_to(like.sharding, leaf.ndim)


def test_batch_is_split_over_the_devices(data_parallel, images):
    placed = data_parallel.place(images)
    assert placed.hr.addressable_shards[3].data.shape[0] == 1
    np.testing.assert_array_equal(placed.hr, images.hr)


@pytest.mark.parametrize(
    ("shape", "spec"),
    [
        ((3, 3, 64, 64), (None, None, None, "data")),  # of equals the last
        ((3, 3, 128, 64), (None, None, "data")),
        ((3, 3, 64, 60), (None, None, "data")),  # 60 does not divide by 8
        ((3, 3, 500, 7), ()),  # nothing does
        ((64, 63), ()),  # small
        ((), ()),
    ],
)
def test_fsdp_rule_splits_the_largest_dimension_that_divides(shape, spec):
    assert fsdp_spec(shape, 8) == PartitionSpec(*spec)


def test_whole_arrays_come_back_from_a_sharded_state(sharded):
    state = sharded.fresh()
    kernel = to_host(state.params)["body"]["kernel"]
    assert isinstance(kernel, np.ndarray)
    np.testing.assert_array_equal(kernel, jax.device_get(state.params["body"]["kernel"]))


@pytest.mark.parametrize(
    ("batch_size", "accumulate", "devices", "sentence"),
    [
        (12, 1, 8, "batch_size=12 does not divide over 8 devices; --config.train.batch_size=8 or 16 does"),
        (4, 1, 8, "batch_size=4 does not divide over 8 devices; --config.train.batch_size=8 does"),
        (24, 2, 8, "over 8 devices x 2 micro-batches; --config.train.batch_size=16 or 32 does"),
    ],
)
def test_batch_that_does_not_divide_is_refused_with_those_that_do(batch_size, accumulate, devices, sentence):
    with pytest.raises(UserError, match=sentence):
        check_batch(TrainConfig(batch_size=batch_size, accumulate=accumulate), devices)


def test_batch_that_divides_is_taken():
    check_batch(TrainConfig(batch_size=32, accumulate=2), 8)
