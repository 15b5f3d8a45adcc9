"""LPIPS with random weights, under the names of the published ones, against plain NumPy."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from smlnet_jax.errors import UserError
from smlnet_jax.metrics.lpips import lpips, read_lpips

# torchvision's layer lists: outputs and kernel of a convolution by index, and where the max-pools are.
ALEX = {0: (64, 11), 2: "pool", 3: (192, 5), 5: "pool", 6: (384, 3), 8: (256, 3), 10: (256, 3)}
VGG = {
    **{0: (64, 3), 2: (64, 3), 4: "pool", 5: (128, 3), 7: (128, 3), 9: "pool"},
    **{10: (256, 3), 12: (256, 3), 14: (256, 3), 16: "pool", 17: (512, 3), 19: (512, 3), 21: (512, 3)},
    **{23: "pool", 24: (512, 3), 26: (512, 3), 28: (512, 3)},
}
SLICES = {"alex": (0, 3, 6, 8, 10), "vgg": (2, 7, 14, 21, 28)}  # the last convolution of each
LAYERS = {"alex": ALEX, "vgg": VGG}


def random_weights(net: str) -> dict[str, np.ndarray]:
    """A state dict as `lpips.LPIPS(net=net).state_dict()` has it, the heads' second names left out."""
    rng = np.random.default_rng(3)
    state, inputs = {}, 3
    for index, layer in LAYERS[net].items():
        if layer != "pool":
            outputs, size = layer
            part = next(i for i, last in enumerate(SLICES[net], 1) if index <= last)
            scale = np.float32((2 / (inputs * size * size)) ** 0.5)
            kernel = rng.standard_normal((outputs, inputs, size, size), np.float32)
            state[f"net.slice{part}.{index}.weight"] = scale * kernel
            state[f"net.slice{part}.{index}.bias"] = 0.1 * rng.standard_normal(outputs, np.float32)
            inputs = outputs
    for i, last in enumerate(SLICES[net]):
        state[f"lin{i}.model.1.weight"] = rng.random((1, LAYERS[net][last][0], 1, 1), np.float32)
    state["scaling_layer.shift"] = np.array([-0.030, -0.088, -0.188], np.float32).reshape(1, 3, 1, 1)
    state["scaling_layer.scale"] = np.array([0.458, 0.448, 0.450], np.float32).reshape(1, 3, 1, 1)
    return state


def windows(x: np.ndarray, size: int, stride: int) -> np.ndarray:
    """[c, h, w] -> [c, h2, w2, size, size]"""
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), (1, 2))[:, ::stride, ::stride]


def plain_lpips(state: dict[str, np.ndarray], net: str, x: np.ndarray, y: np.ndarray) -> float:
    """Layer by layer in double precision, channels first, of one pair in [0, 1]."""
    weights = {re.sub(r"net\.slice\d\.", "", name): value for name, value in state.items()}
    distance = 0.0
    pair = [
        ((2 * image.transpose(2, 0, 1) - 1) - state["scaling_layer.shift"][0])
        / state["scaling_layer.scale"][0]
        for image in (np.float64(x), np.float64(y))
    ]
    for index, layer in LAYERS[net].items():
        if layer == "pool":
            pair = [windows(plane, 3 if net == "alex" else 2, 2).max((3, 4)) for plane in pair]
            continue
        size, stride = layer[1], 4 if layer[1] == 11 else 1
        pad = 2 if size == 11 else size // 2
        padded = [np.pad(plane, ((0, 0), (pad, pad), (pad, pad))) for plane in pair]
        seen = [
            np.einsum("ihwkl,oikl->ohw", windows(p, size, stride), weights[f"{index}.weight"], optimize=True)
            for p in padded
        ]
        pair = [np.maximum(plane + weights[f"{index}.bias"][:, None, None], 0) for plane in seen]
        if index in SLICES[net]:
            one, other = (plane / (np.sqrt((plane**2).sum(0)) + 1e-10) for plane in pair)
            head = state[f"lin{SLICES[net].index(index)}.model.1.weight"][0]
            distance += (head * (one - other) ** 2).sum(0).mean()
    return float(distance)


@pytest.fixture(scope="module", params=["alex", "vgg"])
def network(request, tmp_path_factory):
    """(name, state dict, weights read back from a file of it, jitted distance)"""
    state = random_weights(request.param)
    path = tmp_path_factory.mktemp("lpips") / "weights.safetensors"
    save_file(state, path)
    return request.param, state, read_lpips(path), jax.jit(lpips)


@pytest.fixture
def images(network):
    """Two pairs, of about the smallest size."""
    size = (32, 40) if network[0] == "alex" else (17, 20)
    return np.random.default_rng(5).random((2, 2, *size, 3), np.float32)


def test_lpips_equals_plain_arithmetic(network, images):
    net, state, weights, distance = network
    x, y = images
    expected = [plain_lpips(state, net, *pair) for pair in zip(x, y, strict=True)]
    np.testing.assert_allclose(distance(weights, x, y), expected, rtol=1e-4)


def test_an_image_is_at_no_distance_from_itself_and_the_way_back_is_as_long(network, images):
    _, _, weights, distance = network
    x, y = images
    np.testing.assert_allclose(distance(weights, x, x), 0, atol=1e-12)
    there, back = distance(weights, x, y), distance(weights, y, x)
    np.testing.assert_allclose(there, back, rtol=1e-5)
    assert (np.asarray(there) > 0).all()


def test_broken_image_is_nan_and_its_neighbour_is_not(network, images):
    _, _, weights, distance = network
    x, y = images
    broken = x.copy()
    broken[1, 3, 3, 0] = np.nan
    np.testing.assert_array_equal(np.isnan(distance(weights, broken, y)), [False, True])


@pytest.fixture(scope="module")
def alex(tmp_path_factory):
    """(state dict, folder to write others into)"""
    return random_weights("alex"), tmp_path_factory.mktemp("alex")


def test_names_of_torchvision_and_npz_do_as_well(alex):
    state, folder = alex
    renamed = {re.sub(r"net\.slice\d\.", "features.", name): value for name, value in state.items()}
    np.savez(folder / "renamed.npz", **renamed)
    save_file(state, folder / "state.safetensors")
    one, other = (read_lpips(folder / name) for name in ("renamed.npz", "state.safetensors"))
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_gradient_is_finite_where_nothing_differs_and_where_no_feature_fires(alex):
    state, folder = alex
    dark = {name: value * (0 if name.endswith("bias") else 1) for name, value in state.items()}
    save_file(dark, folder / "dark.safetensors")
    weights = read_lpips(folder / "dark.safetensors")
    mean = (1 + np.array([-0.030, -0.088, -0.188])) / 2  # all zeros behind the scaling layer
    flat = jnp.broadcast_to(jnp.float32(mean), (1, 31, 31, 3))
    gradient = jax.jit(jax.grad(lambda x: lpips(weights, x, flat).sum()))(flat)
    assert np.isfinite(gradient).all()


def test_too_small_image_is_refused_in_one_sentence(network):
    net, _, weights, _ = network
    smallest = {"alex": 31, "vgg": 16}[net]
    with pytest.raises(UserError, match=f"of {smallest - 1}x40 are too small.*needs {smallest}x{smallest}"):
        lpips(weights, *np.zeros((2, 1, 40, smallest - 1, 3), np.float32))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda state: state.pop("lin2.model.1.weight"), "has no lin2.model.1.weight; it holds features"),
        (lambda state: state.pop("net.slice3.6.bias"), "has no features.6.bias"),
        (lambda state: state.pop("net.slice1.0.weight"), "has no features.0.weight"),
        (
            lambda state: state.update({"lin0.model.1.weight": np.ones((1, 3, 1, 1), np.float32)}),
            r"lin0.model.1.weight in .* has the shape \(1, 3, 1, 1\), not \(1, 64, 1, 1\)",
        ),
        (
            lambda state: state.update({"net.slice2.3.bias": np.full(192, np.nan, np.float32)}),
            "features.3.bias in .* is not finite",
        ),
    ],
)
def test_weights_that_do_not_fit_are_named(change, sentence, alex):
    state, folder = alex
    state = dict(state)
    change(state)
    save_file(state, folder / "changed.safetensors")
    with pytest.raises(UserError, match=sentence):
        read_lpips(folder / "changed.safetensors")
