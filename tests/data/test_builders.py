"""tensorflow-datasets without TensorFlow: our builders, and the source that reads what they built."""

import io
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smlnet_jax.cli import main
from smlnet_jax.data.sources import open_source
from smlnet_jax.errors import UserError

tfds = pytest.importorskip("tensorflow_datasets")


@pytest.fixture(autouse=True)
def data_dir(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    return tmp_path / "tfds"


@pytest.fixture
def archive(tmp_path, write_face) -> Path:
    """CelebA's official files in small: 6 aligned images of 3 people."""
    folder = tmp_path / "CelebA"
    for number in range(1, 7):
        write_face(folder / f"Img/img_align_celeba/{number:06d}.jpg", 178, 218, seed=number, quality=95)
    (folder / "Eval").mkdir()
    (folder / "Eval/list_eval_partition.txt").write_text(
        "".join(f"{number:06d}.jpg {(number - 1) // 2}\n" for number in range(1, 7))
    )
    (folder / "Anno").mkdir()
    (folder / "Anno/identity_CelebA.txt").write_text(
        "".join(f"{number:06d}.jpg {100 + (number - 1) // 2}\n" for number in range(1, 7))
    )
    return folder


def _build(name: str, folder: Path, *flags: str) -> int:
    return main(["data", "build", name, "--from", str(folder), *flags])


def _by_name(source) -> dict[str, np.ndarray]:
    return dict(source[i] for i in range(len(source)))


def test_face_folder_gives_the_images_of_the_folder(divided, data_dir, capsys):
    assert _build("face_folder", divided) == 0
    assert "10 faces, 0 skipped" in capsys.readouterr().out
    for split in ("train", "val", "test"):
        built, folder = (
            _by_name(open_source(f"tfds:face_folder:{split}")),
            _by_name(open_source(str(divided / split))),
        )
        assert built.keys() == folder.keys()
        assert all(np.array_equal(built[name], folder[name]) for name in built)
    assert [path.name for path in data_dir.iterdir()] == ["face_folder"]


def test_slices_and_the_default_split_are_read(divided):
    _build("face_folder", divided)
    assert len(open_source("tfds:face_folder")) == 6
    assert len(open_source("tfds:face_folder:train[:50%]")) == 3
    assert "6 faces of tfds:face_folder" in open_source("tfds:face_folder").description


def test_source_travels_to_other_processes(divided):
    _build("face_folder", divided)
    source = open_source("tfds:face_folder:train")
    name, image = pickle.loads(pickle.dumps(source))[3]
    assert name == source[3].name and np.array_equal(image, source[3].image)
    assert source[-1].name == source[5].name
    with pytest.raises(IndexError):
        source[6]


def test_tensorflow_is_never_imported(divided):
    code = (
        "import sys; from smlnet_jax.cli import main; from smlnet_jax.data.sources import open_source; "
        f"assert main(['data', 'build', 'face_folder', '--from', {str(divided)!r}]) == 0; "
        "source = open_source('tfds:face_folder:val'); assert source[0].image.shape == (32, 32, 3); "
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_tfds_itself_knows_our_names_and_features(divided, data_dir):
    _build("face_folder", divided)
    examples = tfds.data_source("face_folder", split="val", data_dir=data_dir)
    assert set(examples[0]) == {"image", "file", "person"}
    builder = tfds.builder("face_folder", data_dir=data_dir)
    assert {split: info.num_examples for split, info in builder.info.splits.items()} == {
        "train": 6, "val": 2, "test": 2,
    }  # fmt: skip


def test_builders_run_through_tfds_itself(divided, tmp_path):
    import smlnet_jax.data.builders  # noqa: F401  (registers the names)

    builder = tfds.builder("face_folder", data_dir=tmp_path / "elsewhere")
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=divided, try_download_gcs=False)
    )
    assert len(builder.as_data_source("train")) == 6


def test_unusable_faces_are_skipped_and_named(divided, capsys):
    (divided / "train/a.png").write_text("no image")
    assert _build("face_folder", divided) == 0
    printed = capsys.readouterr()
    assert "9 faces, 1 skipped" in printed.out
    assert "skipped: train/a.png is no JPEG, PNG or WebP image" in printed.err


def test_split_without_a_usable_face_is_an_error_and_nothing_is_built(divided, data_dir, capsys):
    for file in (divided / "val").iterdir():
        file.write_text("no image")
    assert _build("face_folder", divided) == 2
    assert "no face is left in val: 2 were skipped" in capsys.readouterr().err.splitlines()[-1]
    assert not list(data_dir.iterdir())


def test_shared_files_and_people_are_refused(divided, capsys):
    (divided / "manifest.csv").write_text("file,person\ntrain/a.png,Ann\nval/g.png,Ann\n")
    assert _build("face_folder", divided) == 2
    assert "Ann (train and val)" in capsys.readouterr().err
    (divided / "manifest.csv").unlink()
    (divided / "val/g.png").write_bytes((divided / "train/a.png").read_bytes())
    assert _build("face_folder", divided) == 2
    assert "train/a.png = val/g.png" in capsys.readouterr().err


def test_what_is_built_is_replaced_only_when_asked(divided, capsys):
    assert _build("face_folder", divided) == 0
    assert _build("face_folder", divided) == 2
    assert "was built already" in capsys.readouterr().err
    (divided / "train/a.png").unlink()
    assert _build("face_folder", divided, "--overwrite") == 0
    assert len(open_source("tfds:face_folder:train")) == 5


def test_congress_needs_a_person_for_every_face(divided, capsys):
    assert _build("congress", divided) == 2
    assert "no manifest.csv says who is on 10 portraits, e.g. train/a.png" in capsys.readouterr().err
    files = sorted(path.relative_to(divided).as_posix() for path in divided.rglob("*.png"))
    (divided / "manifest.csv").write_text("file,person\n" + "".join(f"{file},{file}\n" for file in files))
    assert _build("congress", divided) == 0
    assert len(open_source("tfds:congress:test")) == 2


def test_congress_is_built_from_real_portraits(faces):
    assert _build("congress", faces / "congress") == 0
    built, folder = open_source("tfds:congress:val"), open_source(str(faces / "congress/val"))
    assert len(built) == len(folder) == 100
    by_name = _by_name(folder)
    assert all(np.array_equal(image, by_name[name]) for name, image in _by_name(built).items())


@pytest.mark.parametrize(
    ("config", "box"),
    [("", (12, 39, 165, 192)), ("/canonical", (12, 39, 165, 192)), ("/centre", (0, 20, 178, 198))],
)
def test_celeba_is_cut_and_divided_as_it_says(archive, config, box):
    assert _build(f"celeba{config}", archive) == 0
    assert set(_by_name(open_source(f"tfds:celeba{config}:val"))) == {"000003.jpg", "000004.jpg"}
    for split in ("train", "val", "test"):
        for name, image in _by_name(open_source(f"tfds:celeba{config}:{split}")).items():
            aligned = Image.open(archive / "Img/img_align_celeba" / name)
            expected = aligned.crop(box).resize((128, 128), Image.Resampling.BICUBIC)
            assert np.array_equal(image, np.asarray(expected))


def test_celebas_canonical_crop_puts_the_mean_eyes_where_restoration_does():
    from smlnet_jax.data.builders.celeba import Celeba

    left, top, right, bottom = Celeba.BUILDER_CONFIGS[0].box
    side = right - left
    assert bottom - top == side
    for x, target in ((69.4, 0.375), (107.6, 0.625)):
        assert abs((x - left) / side - target) * 128 < 0.5  # pixels
        assert abs((111.3 - top) / side - 0.47) * 128 < 0.5


def test_celeba_in_one_folder_without_people_is_read_too(archive, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    (archive / "Img/img_align_celeba").rename(flat / "img_align_celeba")
    (archive / "Eval/list_eval_partition.txt").rename(flat / "list_eval_partition.txt")
    assert _build("celeba", flat) == 0
    assert len(open_source("tfds:celeba:train")) == 2


def test_celeba_names_missing_and_odd_images(archive, write_face, capsys):
    (archive / "Img/img_align_celeba/000001.jpg").unlink()
    write_face(archive / "Img/img_align_celeba/000003.jpg", 128)
    assert _build("celeba", archive) == 0
    error = capsys.readouterr().err
    assert "skipped: train/000001.jpg cannot be read" in error
    assert "skipped: val/000003.jpg is 128x128, not 178x218" in error


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("Eval/list_eval_partition.txt", None, "holds no list_eval_partition.txt"),
        ("Eval/list_eval_partition.txt", "", "is empty"),
        ("Eval/list_eval_partition.txt", "000001.jpg 3\n", "gives 000001.jpg the part 3"),
        ("Eval/list_eval_partition.txt", "000001.jpg\n", "line 1: '000001.jpg' is no image and number"),
        ("Anno/identity_CelebA.txt", "000001.jpg 7\n000005.jpg 7\n", "7 (test and train)"),
    ],
)
def test_archive_that_is_not_the_official_one_is_refused(archive, capsys, file, content, message):
    if content is None:
        (archive / file).unlink()
    else:
        (archive / file).write_text(content)
    assert _build("celeba", archive) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and message in error


def test_folder_that_is_not_there_is_told(tmp_path, capsys):
    assert _build("celeba", tmp_path / "no") == 2
    assert "is not a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tfds:face_foldr:train", "did you mean tfds:face_folder?"),
        ("tfds:", "ours are celeba, congress, face_folder"),
        ("tfds:celeba/elsewhere", "there is no data set of that name"),
        ("tfds:celeba:train", "was not built in .*; build it with `smlnet data build celeba --from FOLDER`"),
        ("tfds:mnist", r"build it with tfds\.builder\('mnist', file_format='array_record'\)"),
        ("tfds:face_folder:dev", "there is no split dev; there are train, val, test"),
        ("tfds:face_folder:train[:", r"there is no split train\[:"),
        ("tfds:face_folder:train[5:3]", r"there is no split train\[5:3\]"),
    ],
)
def test_what_cannot_be_opened_is_told_in_one_line(divided, text, message):
    _build("face_folder", divided)
    with pytest.raises(UserError, match=message) as error:
        open_source(text)
    assert "\n" not in str(error.value)


def test_data_set_that_was_copied_in_part_is_told(divided, data_dir):
    _build("face_folder", divided)
    (info,) = data_dir.rglob("dataset_info.json")
    info.write_bytes(info.read_bytes()[:40])
    with pytest.raises(UserError, match="tfds:face_folder is damaged in"):
        open_source("tfds:face_folder")
    for file in info.parent.iterdir():
        file.unlink()
    with pytest.raises(UserError, match="tfds:face_folder was not built in"):
        open_source("tfds:face_folder")


def test_missing_tensorflow_datasets_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(UserError, match=r"pip install 'smlnet-jax\[train\]'"):
        open_source("tfds:celeba")


class OtherFaces(tfds.core.GeneratorBasedBuilder):
    """A data set of somebody else: its images have no names."""

    VERSION = tfds.core.Version("1.0.0")
    url_infos = None  # as in our builders

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict({"image": tfds.features.Image()})
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for i in range(2):
            file = io.BytesIO()
            Image.new("RGB", (8, 8), (i, 0, 0)).save(file, "png")
            yield i, {"image": file.getvalue()}


def test_foreign_data_set_is_read_and_its_faces_are_numbered(data_dir):
    builder = tfds.builder("other_faces", data_dir=data_dir, file_format="array_record")
    builder.download_and_prepare()
    assert [face.name for face in open_source("tfds:other_faces")] == ["000000", "000001"]
