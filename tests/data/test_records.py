"""Packed faces come back byte for byte, in any order and process; damage is named."""

import concurrent.futures
import multiprocessing
import operator
import pickle
import resource

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smlnet_jax.data.records import RecordSource, RecordWriter, frame, is_packed, unframe
from smlnet_jax.data.sources import open_source
from smlnet_jax.errors import UserError

NAMES = ["a.png", "ünder 1.png", "b/c d.png", "日本.png", "e.png"]


@pytest.fixture
def packed(tmp_path, write_face):
    """Two files of 3 and 2 faces, and the bytes of every face."""
    data = [write_face(tmp_path / "image.png", 12, 9, seed=i).read_bytes() for i in range(5)]
    folder = tmp_path / "packed"
    folder.mkdir()
    for file, faces in (("faces-0", range(3)), ("faces-1", range(3, 5))):
        with RecordWriter(folder / f"{file}.array_record") as writer:
            for i in faces:
                writer.write(NAMES[i], data[i])
    return folder, data


@given(name=st.text(st.characters(codec="utf-8")), data=st.binary())
def test_framing_is_the_inverse_of_unframing(name, data):
    assert unframe(frame(name, data)) == (name, data)


@given(record=st.binary())
def test_strange_records_raise_value_errors(record):
    with pytest.raises(ValueError, match=r"bytes|not written"):
        unframe(record)


def test_faces_come_back_as_they_were_packed(packed):
    folder, data = packed
    source = open_source(str(folder))
    assert isinstance(source, RecordSource) and "5 packed faces" in source.description
    assert [source.read(i) for i in (4, 0, 3, 1, 2)] == [(NAMES[i], data[i]) for i in (4, 0, 3, 1, 2)]
    assert source[1].name == NAMES[1] and source[1].image.shape == (9, 12, 3)
    assert source[-1].name == NAMES[-1]
    with pytest.raises(IndexError):
        source[5]


@pytest.mark.parametrize("is_open", [False, True])
def test_source_travels_to_another_process(packed, is_open):
    source = RecordSource(packed[0])
    if is_open:
        assert len(source) == 5
    assert pickle.loads(pickle.dumps(source))[2].name == NAMES[2]
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, spawn) as pool:
        name, image = pool.submit(operator.getitem, source, 3).result()
    assert name == NAMES[3] and np.array_equal(image, source[3].image)


def test_threads_share_a_source(packed):
    source = RecordSource(packed[0])
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        names = list(threads.map(lambda i: source[i % 5].name, range(200)))
    assert names == [NAMES[i % 5] for i in range(200)]


@pytest.mark.parametrize(
    "spoil",
    [lambda data: b"", lambda data: data[: len(data) // 2], lambda data: b"text" * 50_000],
    ids=["empty", "truncated", "text"],
)
def test_damaged_file_is_named_when_it_is_opened(packed, spoil):
    file = packed[0] / "faces-1.array_record"
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(UserError, match=r"faces-1\.array_record is not a whole ArrayRecord file") as error:
        open_source(str(packed[0]))
    assert "\n" not in str(error.value)


def test_changed_byte_is_found_when_the_face_is_read(packed):
    folder, data = packed
    file = folder / "faces-0.array_record"
    content = bytearray(file.read_bytes())
    content[content.index(data[1]) + 30] ^= 255
    file.write_bytes(content)
    source = RecordSource(folder)
    assert source[0].name == NAMES[0]
    with pytest.raises(UserError, match=r"face 1 of .* is damaged"):
        source[1]


def test_records_of_another_program_are_refused(tmp_path):
    module = pytest.importorskip("array_record.python.array_record_module")
    writer = module.ArrayRecordWriter(str(tmp_path / "x.array_record"), "group_size:1")
    writer.write(b"an example of somebody else")
    writer.close()
    with pytest.raises(UserError, match="was not written by `smlnet data prepare`"):
        open_source(str(tmp_path))[0]


def test_packed_image_that_is_damaged_is_named(tmp_path):
    with RecordWriter(tmp_path / "x.array_record") as writer:
        writer.write("a b.jpg", b"no image")
    with pytest.raises(UserError, match=r"a b\.jpg of .* is no JPEG"):
        open_source(str(tmp_path))[0]


def test_empty_pack_holds_no_faces(tmp_path):
    with RecordWriter(tmp_path / "x.array_record"):
        pass
    with pytest.raises(UserError, match="holds no faces"):
        open_source(str(tmp_path))


def test_folder_without_records_is_not_packed(tmp_path):
    assert not is_packed(tmp_path)
    with pytest.raises(UserError, match=r"holds no \*\.array_record"):
        RecordSource(tmp_path)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_interrupted_writer_leaves_nothing(tmp_path, error):
    with pytest.raises(error), RecordWriter(tmp_path / "x.array_record") as writer:  # noqa: PT012
        writer.write("a", b"b")
        raise error
    assert not list(tmp_path.iterdir())


def test_full_disk_is_told_and_leaves_nothing(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with (  # noqa: PT012
            pytest.raises(UserError, match=r"x\.array_record cannot be written \(.*File too large"),
            RecordWriter(tmp_path / "x.array_record") as writer,
        ):
            for _ in range(50):
                writer.write("a", bytes(50_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_folder_that_is_not_there_cannot_be_written(tmp_path):
    with (
        pytest.raises(UserError, match="cannot be written"),
        RecordWriter(tmp_path / "no" / "x.array_record"),
    ):
        pass
