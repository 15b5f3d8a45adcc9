"""What a photograph shows of a face stays; what it does not show is the network's."""

import io

import numpy as np
import pytest
from PIL import Image
from stand_ins import ASTRONAUT

from smlnet_jax.restoration.align import crop, photo_to_crop
from smlnet_jax.restoration.consistency import AlignedFace, aligned_face, consistent, lr_consistency
from smlnet_jax.restoration.resample import resize
from smlnet_jax.restoration.resolution import effective_side

SIZE, LR = 128, 16


@pytest.fixture(scope="module")
def sharp(astronaut):
    return crop(astronaut, photo_to_crop(ASTRONAUT, SIZE), SIZE)


def face_of(image, span):
    def crop_at(side):
        return resize(image, side, side).clip(0, 1)

    return aligned_face(crop_at, span, size=SIZE, lr_sizes=(LR,))


def through(image, side):
    return resize(resize(image, side, side), SIZE, SIZE).clip(0, 1)


def jpeg(image, quality):
    file = io.BytesIO()
    Image.fromarray(np.rint(image * 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).astype(np.float32) / 255


@pytest.mark.parametrize("side", [24, 32, 48, 64])
@pytest.mark.parametrize("quality", [None, 60])
def test_a_blurred_face_shows_as_many_pixels_as_it_was_made_of(sharp, side, quality):
    small = resize(sharp, side, side).clip(0, 1)
    small = small if quality is None else jpeg(small, quality)
    assert side / 1.6 < effective_side(resize(small, SIZE, SIZE).clip(0, 1)) < side * 1.6


def test_a_sharp_face_shows_nearly_all_and_a_flat_one_next_to_nothing(sharp):
    assert effective_side(sharp) > 0.8 * SIZE
    assert effective_side(np.full((SIZE, SIZE, 3), 0.3, np.float32)) < 12


def test_more_blur_never_shows_more(sharp):
    sides = [effective_side(through(sharp, side)) for side in (16, 24, 40, 64, 96, 128)]
    assert sides == sorted(sides)


@pytest.mark.parametrize(("shown", "lr_size"), [(10, 16), (20, 16), (31, 16), (32, 32), (50, 32)])
def test_of_several_lr_sizes_it_gets_the_largest_that_the_photograph_fills(sharp, shown, lr_size):
    photograph = resize(sharp, shown, shown).clip(0, 1)
    face = aligned_face(
        lambda side: resize(photograph, side, side).clip(0, 1), shown, size=SIZE, lr_sizes={32, 16}
    )
    assert face.lr.shape[0] == lr_size


@pytest.mark.parametrize(("made_of", "own"), [(14, 16), (36, 32)])
def test_a_blurred_face_counts_as_lr_whatever_other_sizes_there_are(sharp, made_of, own):
    blurred = through(sharp, made_of)
    sizes = [
        aligned_face(lambda side: resize(blurred, side, side).clip(0, 1), SIZE, size=SIZE, lr_sizes=these)
        for these in ({own}, {8, 16, 32})
    ]
    assert [(face.resolution, face.lr.shape[0]) for face in sizes] == [(own, own)] * 2


def test_a_face_of_the_lr_size_is_the_networks_alone(sharp):
    lr = resize(sharp, LR, LR).clip(0, 1)
    face = face_of(lr, LR)
    np.testing.assert_array_equal(face.lr, lr)
    sr = np.random.default_rng(7).uniform(0, 1, (SIZE, SIZE, 3)).astype(np.float32)
    np.testing.assert_array_equal(consistent(sr, face, 1.0), sr)


@pytest.mark.parametrize("span", [24, 48, 90])
def test_what_the_photograph_shows_survives_a_network_that_destroys_it(sharp, span):
    face = face_of(resize(sharp, span, span).clip(0, 1), span)
    assert face.resolution == span
    result = consistent(np.full_like(sharp, 0.5), face, 1.0)
    error = np.sqrt(np.square(resize(result, span, span) - face.shown).mean())
    assert error < 3 / 255


def test_detail_beyond_the_photograph_comes_from_the_network(sharp):
    face = face_of(resize(sharp, 32, 32).clip(0, 1), 32)
    blurred, restored = (
        np.square(image - sharp).mean() for image in (face.before, consistent(sharp, face, 1.0))
    )
    assert restored < blurred / 100


def test_fidelity_0_is_the_network_and_1_the_photograph(sharp):
    face = AlignedFace(sharp, resize(sharp, LR, LR), shown=sharp, span=300)
    sr = np.full_like(sharp, 0.5)
    np.testing.assert_allclose(consistent(sr, face, 0.0), sr)
    np.testing.assert_allclose(consistent(sr, face, 1.0), sharp, atol=1e-5)
    np.testing.assert_allclose(consistent(sr, face, 0.5), (sr + sharp) / 2, atol=1e-5)


def test_only_sharp_faces_with_as_many_pixels_gain_nothing(sharp):
    def gains_nothing(image, span):
        return face_of(image, span).is_sharp

    assert gains_nothing(sharp, 300)
    assert gains_nothing(sharp, 128)
    assert not gains_nothing(sharp, 100)
    assert not gains_nothing(through(sharp, 48), 300)


def test_lr_consistency_is_high_for_the_same_face_and_low_for_another(sharp):
    lr = resize(sharp, LR, LR)
    assert lr_consistency(sharp, lr) == pytest.approx(100)
    assert lr_consistency(sharp[:, ::-1], lr) < 25


def test_lr_consistency_is_the_psnr_of_pillows_bicubic_in_floating_point(sharp):
    """Channel by channel in Pillow's mode F, which does not round; the PSNR by scikit-image."""
    from skimage.metrics import peak_signal_noise_ratio

    lr = resize(sharp, LR, LR).clip(0, 1)
    for after in (sharp, through(sharp, 24), sharp[:, ::-1]):
        channels = [
            np.asarray(
                Image.fromarray(np.ascontiguousarray(after[..., c])).resize(
                    (LR, LR), Image.Resampling.BICUBIC
                )
            )
            for c in range(3)
        ]
        expected = peak_signal_noise_ratio(lr, np.stack(channels, 2), data_range=1)
        assert lr_consistency(after, lr) == pytest.approx(min(expected, 100), abs=0.02)
