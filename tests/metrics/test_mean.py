import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smlnet_jax.metrics import Mean

values = st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=40)


@given(values, st.integers(1, 7))
def test_padded_batches_have_the_mean_of_their_images(scores, batch_size):
    state = None
    for start in range(0, len(scores), batch_size):
        part = scores[start : start + batch_size]
        padded = np.array(part + [np.nan] * (batch_size - len(part)))
        batch = Mean.of(padded, np.arange(batch_size) < len(part))
        state = batch if state is None else state.merge(batch)
    np.testing.assert_allclose(state.compute(), np.mean(scores), atol=1e-12)


@given(values, values, values)
def test_merging_does_not_depend_on_the_grouping(a, b, c):
    x, y, z = (Mean.of(np.array(v)) for v in (a, b, c))
    np.testing.assert_allclose(x.merge(y).merge(z).compute(), x.merge(y.merge(z)).compute(), atol=1e-12)


def test_state_passes_through_jit():
    merged = jax.jit(lambda x: Mean.of(x, x > 1).merge(Mean.of(x)))(jnp.array([1.0, 2.0, 3.0]))
    assert merged.count == 5 and merged.compute() == 11 / 5
