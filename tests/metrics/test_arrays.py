import numpy as np
import pytest

from smlnet_jax.errors import UserError
from smlnet_jax.metrics.arrays import read_arrays


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("alex.pth", b"PK", "alex.pth is neither .npz nor .safetensors; convert it"),
        ("a.npz", None, "a.npz cannot be read .No such file or directory."),
        ("a.safetensors", None, "a.safetensors cannot be read"),
        ("a.npz", b"", "a.npz is no .npz file, or a damaged one"),
        ("a.npz", b"not an archive", "a.npz is no .npz file, or a damaged one"),
        ("a.safetensors", b"\x00" * 20, "a.safetensors is no .safetensors file, or a damaged one"),
    ],
)
def test_file_that_holds_no_arrays_is_named(name, content, sentence, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=sentence) as caught:
        read_arrays(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_truncated_archive_is_named(tmp_path):
    np.savez(tmp_path / "whole.npz", mu=np.arange(2000.0))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:-400])
    with pytest.raises(UserError, match=r"cut.npz is no .npz file, or a damaged one"):
        read_arrays(tmp_path / "cut.npz")


def test_single_array_in_place_of_an_archive_is_named(tmp_path):
    with (tmp_path / "one.npz").open("wb") as file:
        np.save(file, np.arange(3))
    with pytest.raises(UserError, match=r"one.npz is no .npz file"):
        read_arrays(tmp_path / "one.npz")


def test_dtype_that_numpy_lacks_is_named(tmp_path):
    header = b'{"w":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
    (tmp_path / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(UserError, match=r"a\.safetensors holds arrays of 'BF16'; convert it again"):
        read_arrays(tmp_path / "a.safetensors")


def test_nothing_is_unpickled(tmp_path):
    np.savez(tmp_path / "objects.npz", mu=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match=r"objects.npz is no .npz file"):
        read_arrays(tmp_path / "objects.npz")
