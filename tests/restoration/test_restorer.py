"""The Python API: photographs of every kind in, restored ones out, in order, the same every time."""

import dataclasses
import itertools

import jax
import numpy as np
import pytest
from PIL import Image
from stand_ins import Brighter, brighter

import smlnet_jax
from smlnet_jax.errors import UserError
from smlnet_jax.export.pretrained import Card, save_pretrained
from smlnet_jax.ops.resize import upsample
from smlnet_jax.restoration import restorer as restorer_module
from smlnet_jax.restoration.align import canonical_landmarks, crop, photo_to_crop
from smlnet_jax.restoration.detect import Detection
from smlnet_jax.restoration.photo import as_photo
from smlnet_jax.restoration.resample import resize, scale_of
from smlnet_jax.restoration.restorer import LOOKAHEAD_PHOTOS, Restorer

STEP = 0.1  # what the stand-in network adds


@pytest.fixture(scope="module")
def restorer(yunet):
    return brighter(STEP, detector=yunet)


@pytest.fixture(scope="module")
def small(astronaut):
    """The astronaut with a face of 40 pixels."""
    return np.asarray(Image.fromarray(astronaut).resize((128, 128), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def two(small):
    face = small[5:60, 25:90]
    return np.concatenate([face, face[:, ::-1]], axis=1)


def test_a_small_face_is_restored_and_the_rest_is_left_alone(restorer, small):
    result = restorer(small)
    (face,) = result.faces
    assert face.restored and face.score > 0.9
    assert 35 < face.resolution < 45
    left, top, right, bottom = face.box.round().astype(int)
    changed = np.abs(result.image - as_photo(small).pixels()).max(axis=2)
    assert changed[top:bottom, left:right].mean() > 5 * changed[bottom + 15 :].mean()
    assert changed[110:].max() == 0


def test_a_sharp_face_is_left_alone_and_told_so(restorer, astronaut):
    result = restorer(astronaut)
    (face,) = result.faces
    assert not face.restored
    np.testing.assert_array_equal(result.image, astronaut.astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(face.before, face.after)
    assert "left as it is" in face.warnings[0]


def test_fidelity_0_restores_a_sharp_face_too(restorer, astronaut):
    result = restorer(astronaut, fidelity=0)
    (face,) = result.faces
    assert face.restored
    lr = resize(face.before, 16, 16)
    assert np.abs(resize(face.after, 16, 16).mean() - lr.mean() - STEP) < 0.03


def test_a_blurred_face_of_many_pixels_is_restored(restorer, small):
    result = restorer(np.asarray(Image.fromarray(small).resize((512, 512), Image.Resampling.BICUBIC)))
    (face,) = result.faces
    assert face.restored
    assert 30 < face.resolution < 60


def test_the_photograph_is_enlarged_as_asked(restorer, small):
    result = restorer(small, upscale=2.5)
    assert result.image.shape == (320, 320, 3)
    assert result.image.dtype == np.float32
    background = resize(as_photo(small).pixels(), 320, 320, Image.Resampling.LANCZOS).clip(0, 1)
    np.testing.assert_array_equal(result.image[275:], background[275:])


def test_every_kind_of_picture_gives_the_same(restorer, small, tmp_path):
    path = tmp_path / "a name.png"
    Image.fromarray(small).save(path)
    kinds = [small, Image.fromarray(small), path, str(path), path.read_bytes(), as_photo(small)]
    first, *others = restorer.batch(kinds)
    for other in others:
        np.testing.assert_array_equal(other.image, first.image)


def test_sixteen_bits_are_restored_like_eight(restorer, small):
    eight, sixteen = restorer.batch([small, small.astype(np.uint16) * 257])
    np.testing.assert_allclose(eight.image, sixteen.image, atol=1e-5)


def test_the_same_photograph_gives_the_same_bits(yunet, small):
    first, second = (brighter(STEP, detector=yunet)(small) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.faces[0].landmarks, second.faces[0].landmarks)


def test_only_the_face_in_the_middle(restorer, two):
    assert len(restorer(two).faces) == 2
    wide = np.concatenate([two, np.full_like(two, 90)], axis=1)
    (face,) = restorer(wide, only_center_face=True).faces
    assert face.box[0] > 65  # the second of the two


def test_no_face_is_a_warning(restorer):
    result = restorer(np.full((60, 80, 3), 128, np.uint8), upscale=2)
    assert result.faces == ()
    assert result.warnings == ("no face was found",)
    np.testing.assert_allclose(result.image, 128 / 255, atol=1e-6)
    assert result.image.shape == (120, 160, 3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (2, 3)])
def test_tiny_and_thin_pictures_pass(restorer, shape):
    result = restorer(np.full((*shape, 3), 77, np.uint8))
    assert result.image.shape == (*shape, 3)


def test_face_at_the_border_is_restored_with_a_warning(restorer, small):
    cut = small[:, 52:]  # through the left eye
    result = restorer(cut)
    assert result.image.shape == cut.shape
    assert np.isfinite(result.image).all()
    assert all(face.box[0] < 10 for face in result.faces)


def test_restoration_tells_what_was_found(restorer, small):
    result = restorer(small)
    (face,) = result.faces
    assert face.landmarks.shape == (5, 2)
    assert face.before.shape == face.after.shape == (128, 128, 3)
    assert -1 <= face.identity <= 1
    assert 0 < face.lr_consistency <= 100
    expected = crop(small, photo_to_crop(face.landmarks, 128), 128)
    np.testing.assert_allclose(face.before, expected, atol=1e-6)
    assert set(result.seconds) == {"read", "detect", "align", "network", "compare", "paste"}
    assert all(seconds >= 0 for seconds in result.seconds.values())


def test_identity_is_left_out_when_nobody_asks(restorer, small):
    assert restorer(small, identity=False).faces[0].identity is None


def test_a_face_smaller_than_the_lr_size_is_warned_of(restorer, small):
    tiny = np.asarray(Image.fromarray(small).resize((44, 44), Image.Resampling.BICUBIC))
    (face,) = restorer(tiny).faces
    assert any("smaller than 16 pixels" in warning for warning in face.warnings)


def test_stream_keeps_order_and_turns_errors_into_values(restorer, small, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_text("not a picture")
    items = [("a", small), ("b", bad), ("c", tmp_path / "missing.png"), ("d", np.zeros((9, 9, 3), np.uint8))]
    results = dict(restorer.stream(items))
    assert list(results) == ["a", "b", "c", "d"]
    assert isinstance(results["b"], UserError) and isinstance(results["c"], UserError)
    assert len(results["a"].faces) == 1 and results["d"].faces == ()


def test_a_call_raises_what_a_stream_yields(restorer, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        restorer(tmp_path / "missing.png")


def test_stream_holds_back_only_a_few_photographs(restorer):
    taken = itertools.count()
    last = 0

    def endless():
        nonlocal last
        for last in taken:
            yield last, np.full((8, 8, 3), 50, np.uint8)

    for key, _ in itertools.islice(restorer.stream(endless()), 50):
        assert last - key < LOOKAHEAD_PHOTOS


def test_a_folder_run_compiles_each_batch_size_once(yunet, small, two):
    model = Brighter()
    restorer = Restorer(model, {"step": np.float32(0)}, detector=yunet)
    pictures = [small, two, np.zeros((9, 9, 3), np.uint8), small[:100], np.pad(two, ((9, 3), (2, 0), (0, 0)))]
    for count in (1, 3, 5, 4):
        restorer.batch(pictures[:count])
    assert len(model.traced) == len(set(model.traced)) <= 3


def test_a_crowd_of_two_hundred_is_restored_in_few_batches(yunet, astronaut):
    face = Image.fromarray(astronaut).crop((130, 0, 320, 210)).resize((56, 62), Image.Resampling.BICUBIC)
    model = Brighter()
    restorer = Restorer(model, {"step": np.float32(STEP)}, detector=yunet)
    found = restorer(np.tile(np.asarray(face), (10, 20, 1)), identity=False).faces
    assert len(found) == 200
    assert len({tuple(face.box.round()) for face in found}) == 200
    assert all(face.restored for face in found)
    assert len(model.traced) <= 2  # shapes that were compiled for


def test_faces_of_a_batch_equal_those_restored_alone(restorer, small, two):
    together = restorer.batch([small, two, small])
    for picture, found in zip([small, two, small], together, strict=True):
        np.testing.assert_allclose(restorer(picture).image, found.image, atol=1e-5)


@pytest.mark.parametrize("side", [1, 8, 16, 33])
def test_an_aligned_lr_face_comes_back_at_the_networks_size(restorer, astronaut, side):
    face = restorer(astronaut).faces[0].before
    lr = np.rint(resize(face, side, side).clip(0, 1) * 255).astype(np.uint8)
    result = restorer(lr, aligned=True)
    assert result.image.shape == (128, 128, 3)
    assert len(result.faces) == 1
    np.testing.assert_array_equal(result.image, result.faces[0].after)


def test_an_aligned_lr_face_is_the_networks_output_alone(restorer, astronaut):
    lr = np.rint(resize(restorer(astronaut).faces[0].before, 16, 16).clip(0, 1) * 255).astype(np.uint8)
    found = restorer(lr, aligned=True).image
    bicubic = np.asarray(upsample(lr[None].astype(np.float32) / 255, 128))[0]
    np.testing.assert_allclose(found, np.clip(bicubic + STEP, 0, 1), atol=1e-6)


def test_a_large_blurred_crop_keeps_its_size_and_a_sharp_one_its_pixels(restorer, astronaut):
    sharp = crop(astronaut, photo_to_crop(restorer(astronaut).faces[0].landmarks, 160), 160)
    kept = restorer(sharp, aligned=True)
    np.testing.assert_allclose(kept.image, sharp, atol=1e-4)
    assert not kept.faces[0].restored
    blurred = resize(resize(sharp, 30, 30), 160, 160).clip(0, 1)
    assert restorer(blurred, aligned=True).image.shape == (160, 160, 3)
    assert restorer(blurred, aligned=True, upscale=2).image.shape == (320, 320, 3)


def test_a_foreign_crop_is_warned_of_and_the_training_crop_is_not(restorer, astronaut):
    landmarks = restorer(astronaut).faces[0].landmarks
    ours = resize(crop(astronaut, photo_to_crop(landmarks, 128), 128), 64, 64).clip(0, 1)
    foreign = astronaut[60:190, 160:290]  # tighter, and higher
    assert not any("training crop" in warning for warning in restorer(ours, aligned=True).warnings)
    assert any("training crop" in warning for warning in restorer(foreign, aligned=True).warnings)


def test_an_aligned_picture_must_be_square(restorer):
    with pytest.raises(UserError, match="16x20, and a crop of a face must be square"):
        restorer(np.zeros((20, 16, 3), np.uint8), aligned=True)


@pytest.mark.parametrize(("setting", "value"), [("upscale", 0.5), ("upscale", 17), ("fidelity", 2)])
def test_settings_out_of_range_are_refused(restorer, small, setting, value):
    with pytest.raises(UserError, match=setting):
        restorer(small, **{setting: value})


def test_unknown_settings_are_named(restorer, small):
    with pytest.raises(TypeError, match="upscael"):
        restorer(small, upscael=2)


def test_any_detector_fits(small, yunet):
    found = yunet(small)

    def two_of_them(image):
        assert image.dtype == np.uint8
        return found * 2

    assert len(brighter(detector=two_of_them)(small, identity=False).faces) == 2


def test_each_face_goes_to_the_network_of_the_lr_size_that_it_shows(yunet, small):
    coarse, fine = Brighter(), Brighter()
    step = {"step": np.float32(STEP)}
    restorer = Restorer(coarse, step, detector=yunet, identity=False, others=[(fine, step, 4)])
    smaller = Image.fromarray(small).resize((80, 80), Image.Resampling.BICUBIC)
    assert restorer(smaller).faces[0].resolution < 32
    assert coarse.traced and not fine.traced
    assert 32 <= restorer(small).faces[0].resolution < 128
    assert fine.traced and len(coarse.traced) == 1


def test_two_networks_of_one_scale_are_refused():
    step = {"step": np.float32(0)}
    with pytest.raises(UserError, match="two networks are for x8"):
        Restorer(Brighter(), step, detector=list, others=[(Brighter(), step, 8)])


def test_by_default_there_is_a_network_for_8_pixels_one_for_16_and_one_for_32(monkeypatch):
    monkeypatch.setattr(restorer_module, "keep_compilations", lambda: None)
    assert Restorer.from_pretrained(detector=list).networks.keys() == {8, 16, 32}


def test_weights_of_different_output_sizes_are_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(restorer_module, "keep_compilations", lambda: None)
    model = smlnet_jax.create("smlnet_test")
    params = model.init(jax.random.key(0))
    for size in (64, 128):
        card = Card(name=f"to_{size}", model=model.config, size=size, scale=size // 16)
        save_pretrained(tmp_path / str(size), model, params, card)
    with pytest.raises(UserError, match="to_64 restores to 64 pixels and to_128 to 128"):
        Restorer.from_pretrained(tmp_path / "64", tmp_path / "128", detector=list)


def test_a_self_ensemble_is_the_mean_over_a_face_and_its_mirror_image():
    config = dataclasses.replace(
        smlnet_jax.create("smlnet_test").config, spat_widths=(4,) * 4, branches="spatial"
    )
    model = smlnet_jax.create(config)
    params = jax.tree.map(lambda leaf: leaf + 0.01, model.init(jax.random.key(0)))
    face = np.random.default_rng(0).uniform(0.2, 0.7, (16, 16, 3)).astype(np.float32)
    once = Restorer(model, params, detector=list, self_ensemble=False).networks[16]
    straight, mirrored = once([face, face[:, ::-1]])
    (both,) = Restorer(model, params, detector=list).networks[16]([face])
    assert np.abs(straight - mirrored[:, ::-1]).max() > 1e-3
    np.testing.assert_allclose(both, (straight + mirrored[:, ::-1]) / 2, atol=1e-5)


def test_an_untrained_smlnet_from_a_package_adds_nothing(yunet, small, tmp_path, monkeypatch):
    """Its tails start at zero, so that the result is the photograph, bicubic-enlarged."""
    kept = []
    monkeypatch.setattr(restorer_module, "keep_compilations", lambda: kept.append(True))
    model = smlnet_jax.create("smlnet_test")
    card = Card(name="untrained", model=model.config)
    save_pretrained(tmp_path / "untrained", model, model.init(jax.random.key(0)), card)
    restorer = Restorer.from_pretrained(tmp_path / "untrained", upscale=4, detector=yunet)
    result = restorer(small)
    assert kept and result.faces[0].restored
    lanczos = np.asarray(Image.fromarray(small).resize((512, 512), Image.Resampling.LANCZOS)) / 255
    assert np.sqrt(np.square(result.image - lanczos).mean()) < 4 / 255
    assert result.faces[0].identity > 0.8


def test_small_face_beside_a_large_one_comes_on_top(monkeypatch, small):
    """The mask of the large one reaches beyond it, and over the small one's face."""

    def face(side, left, top, score):
        landmarks = canonical_landmarks(side) + np.array([left, top])
        box = np.array([left + side / 4, top + side / 4, left + 3 * side / 4, top + 3 * side / 4])
        return Detection(box, landmarks, score)

    pasted = []
    monkeypatch.setattr(restorer_module, "paste", lambda *given: pasted.append(scale_of(given[3])))
    brighter(STEP, detector=lambda image: [face(90, 0, 0, 0.99), face(40, 70, 20, 0.9)])(small)
    assert len(pasted) == 2 and pasted[0] < pasted[1]
