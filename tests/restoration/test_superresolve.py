"""Any number of faces goes through a few compiled batches, and comes back in order."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from stand_ins import Brighter

from smlnet_jax.errors import UserError
from smlnet_jax.restoration.superresolve import BUCKETS, SuperResolver, bucket_for


def faces(count, side=16):
    rng = np.random.default_rng(6)
    return [rng.uniform(0.2, 0.7, (side, side, 3)).astype(np.float32) for _ in range(count)]


def network(step=0.0, size=128, scale=8):
    model = Brighter()
    return model, SuperResolver(model, {"step": jnp.float32(step)}, size=size, scale=scale)


@pytest.mark.parametrize("count", [0, 1, 3, 6, 17, 21])
def test_every_face_comes_back_in_its_place(count):
    _, resolve = network(0.1)
    lr = faces(count)
    results = resolve(lr)
    assert len(results) == count
    for face, result in zip(lr, results, strict=True):
        assert result.shape == (128, 128, 3)
        np.testing.assert_allclose(result.mean((0, 1)), face.mean((0, 1)) + 0.1, atol=0.02)


def test_input_of_the_network_is_bicubic():
    _, resolve = network()
    lr = np.rint(faces(1)[0] * 255).astype(np.uint8)
    (result,) = resolve([lr.astype(np.float32) / 255])
    expected = np.asarray(Image.fromarray(lr).resize((128, 128), Image.Resampling.BICUBIC))
    assert np.abs(result * 255 - expected).max() < 1.5  # Pillow rounds twice


def test_any_number_of_faces_compiles_each_batch_size_once():
    model, resolve = network()
    for count in range(1, 40):
        resolve(faces(count))
    assert sorted(shape[0] for shape in model.traced) == list(BUCKETS)


def test_a_face_does_not_depend_on_its_batch():
    _, resolve = network(0.05)
    lr = faces(5)
    for alone, together in zip([resolve([face])[0] for face in lr], resolve(lr), strict=True):
        np.testing.assert_allclose(alone, together, atol=1e-6)


def test_little_is_computed_in_vain():
    assert [bucket_for(count) for count in (1, 2, 3, 4, 7, 8, 9, 16, 40)] == [1, 1, 4, 4, 4, 4, 16, 16, 16]


def test_result_is_clipped():
    _, resolve = network(5.0)
    assert np.array_equal(resolve(faces(1))[0], np.ones((128, 128, 3)))


def test_weights_that_give_nan_are_named_as_the_cause():
    _, resolve = network(np.nan)
    with pytest.raises(UserError, match="NaN"):
        resolve(faces(2))


@pytest.mark.parametrize(("size", "scale"), [(128, 7), (100, 4), (128, 1)])
def test_impossible_sizes_are_refused(size, scale):
    with pytest.raises(UserError, match="cannot restore"):
        network(size=size, scale=scale)
