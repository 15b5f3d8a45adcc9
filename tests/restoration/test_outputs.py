from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smlnet_jax.errors import UserError
from smlnet_jax.restoration.files import PhotoError
from smlnet_jax.restoration.inputs import Source
from smlnet_jax.restoration.outputs import CROPPED, RESTORED, OutputFolder


def _source(place: str) -> Source:
    return Source(Path("/anywhere") / place, Path(place))


def _main(folder: OutputFolder, place: str) -> str:
    return str(folder.claim(_source(place)).main.relative_to(folder.root))


def test_layout_is_the_one_of_the_field(tmp_path):
    folder = OutputFolder(tmp_path)
    names = folder.claim(_source("trip/a.jpg"))
    assert names.main == tmp_path / "restored_imgs/trip/a.jpg"
    assert names.face(tmp_path / CROPPED, 0) == tmp_path / "cropped_faces/trip/a_00.png"
    assert names.face(tmp_path / RESTORED, 123) == tmp_path / "restored_faces/trip/a_123.png"


def test_same_stem_with_another_suffix_never_collides(tmp_path):
    folder = OutputFolder(tmp_path)
    assert [_main(folder, name) for name in ("a.jpg", "a.png")] == [
        "restored_imgs/a.jpg",
        "restored_imgs/a.png",
    ]
    as_png = OutputFolder(tmp_path, ext="png")
    mains = [_main(as_png, name) for name in ("a.jpg", "a.png", "a.webp", "b/a.png")]
    assert mains == [f"restored_imgs/{name}.png" for name in ("a", "a_png", "a_webp", "b/a")]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "A", "a_png", "a_png_2", "é", "e\u0301"]),
            st.sampled_from(["jpg", "png", "PNG"]),
        ),
        max_size=12,
    ),
    st.sampled_from(["auto", "png"]),
)
def test_names_are_distinct_even_where_case_and_unicode_form_do_not_count(tmp_path_factory, places, ext):
    folder = OutputFolder(tmp_path_factory.getbasetemp() / "never_made", ext=ext)
    claims = [folder.claim(_source(f"{stem}.{kind}")) for stem, kind in places]
    assert len({str(claim.main).lower() for claim in claims}) == len(places)
    assert len({str(claim.faces).lower() for claim in claims}) == len(places)


def test_format_follows_the_input_unless_it_cannot(tmp_path):
    folder = OutputFolder(tmp_path)
    assert [Path(_main(folder, name)).name for name in ("a.JPEG", "b", "c.gif")] == [
        "a.JPEG",
        "b.png",
        "c.png",
    ]
    wide = OutputFolder(tmp_path, depth=16)
    assert [Path(_main(wide, name)).name for name in ("a.jpg", "b.tif")] == ["a.png", "b.tif"]
    with pytest.raises(UserError, match="8 bits"):
        OutputFolder(tmp_path, ext="jpg", depth=16)


def test_suffix_goes_behind_the_name_and_cannot_name_a_folder(tmp_path):
    names = OutputFolder(tmp_path, suffix="smlnet").claim(_source("a.jpg"))
    assert names.main.name == "a_smlnet.jpg" and names.faces.name == "a_smlnet"
    with pytest.raises(UserError, match="slashes"):
        OutputFolder(tmp_path, suffix="../../a")


def test_link_inside_the_output_folder_cannot_lead_out_of_it(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "private").mkdir()
    (tmp_path / "out/restored_faces").symlink_to(tmp_path / "private")
    with pytest.raises(PhotoError, match="outside"):
        OutputFolder(tmp_path / "out").claim(_source("a.png"))


def test_files_in_result_folders_belong_to_the_output_through_links_too(tmp_path):
    folder = OutputFolder(tmp_path / "out")
    (tmp_path / "out/restored_imgs").mkdir(parents=True)
    (tmp_path / "link.png").symlink_to(tmp_path / "out/restored_imgs/a.png")
    assert folder.owns(tmp_path / "out/restored_imgs/a.png")
    assert folder.owns(tmp_path / "link.png")
    assert not folder.owns(tmp_path / "out/a.png")


def test_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for place in (tmp_path / "file", tmp_path / "file/out", Path("/proc/out")):
        with pytest.raises(UserError, match=r"cannot write into .* choose another -o"):
            OutputFolder(place).prepare()
