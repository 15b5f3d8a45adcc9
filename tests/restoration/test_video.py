import io
import json
import os
import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from fake import FakeRestorer, run_command

from smlnet_jax.errors import UserError
from smlnet_jax.restoration.batch import Options
from smlnet_jax.restoration.files import PhotoError
from smlnet_jax.restoration.video import container_suffix, restore_video

av = pytest.importorskip("av")

GREEN, RED = (20, 200, 90), (200, 40, 40)
BT601, SMPTE_170M, BT709, PQ = 5, 6, 1, 16


def _video(
    *,
    frames: int = 10,
    size: tuple[int, int] = (64, 48),
    rotation: int = 0,
    matrix: int = BT601,
    curve: int = BT709,
    sound: str = "aac",
    form: str = "mp4",
    times: list[int] | None = None,
    aspect: Fraction | None = None,
) -> bytes:
    """Green above red, at 25 frames a second, with a tone."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as writer:
        stream = writer.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.set_display_rotation(rotation)
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = matrix, BT709, curve
        if aspect:
            context.sample_aspect_ratio = aspect
        tone = writer.add_stream(sound, rate=48000, layout="mono")
        picture = np.empty((size[1], size[0], 3), np.uint8)
        picture[:] = RED
        picture[: size[1] // 2] = GREEN
        for number in range(frames):
            space = av.video.reformatter.Colorspace(BT601 if matrix == SMPTE_170M else matrix)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(
                format="yuv420p", dst_colorspace=space
            )
            frame.pts = times[number] if times else number
            writer.mux(stream.encode(frame))
        writer.mux(stream.encode())
        wave = np.sin(np.arange(48000 * frames // 25) * 0.05).astype(np.float32)
        kind = {"pcm_s16le": "s16", "adpcm_ima_qt": "s16p"}.get(sound, "fltp")
        samples = wave[None] if kind == "fltp" else (wave * 20000).astype(np.int16)[None]
        chunk = av.AudioFrame.from_ndarray(samples, kind, "mono")
        chunk.sample_rate, chunk.pts = 48000, 0
        writer.mux(tone.encode(chunk))
        writer.mux(tone.encode())
    return file.getvalue()


def _restored(tmp_path: Path, content: bytes, restorer: FakeRestorer | None = None, **options) -> bytes:
    (tmp_path / "clip.video").write_bytes(content)
    target = io.BytesIO()
    restorer = restorer or FakeRestorer()
    given = Options(upscale=restorer.upscale, **options)
    restore_video(restorer, tmp_path / "clip.video", target, container_suffix(tmp_path / "clip.video"), given)
    return target.getvalue()


def _pictures(content: bytes) -> list[np.ndarray]:
    with av.open(io.BytesIO(content)) as reader:
        return [frame.to_ndarray(format="rgb24") for frame in reader.decode(video=0)]


def _sound(content: bytes) -> list[bytes]:
    with av.open(io.BytesIO(content)) as reader:
        return [bytes(packet) for packet in reader.demux(reader.streams.audio[0]) if packet.size]


@pytest.mark.parametrize("matrix", [BT601, BT709])
def test_every_frame_is_restored_in_its_own_colours_and_the_sound_is_untouched(tmp_path, matrix):
    original = _video(matrix=matrix)
    restored = _restored(tmp_path, original)
    pictures = _pictures(restored)
    assert len(pictures) == 10
    np.testing.assert_allclose(
        pictures[5][4, 4], np.array(GREEN) / 2, atol=4
    )  # the fake halves the brightness
    np.testing.assert_allclose(pictures[5][-4, -4], np.array(RED) / 2, atol=4)
    assert _sound(restored) == _sound(original) and len(_sound(original)) > 5


@pytest.mark.parametrize("matrix", [BT601, SMPTE_170M, BT709])
def test_colours_of_a_large_video_are_those_of_its_tag(tmp_path, matrix):
    """Untagged, 720 lines would be BT.709."""
    picture = _pictures(_restored(tmp_path, _video(frames=1, size=(64, 720), matrix=matrix)))[0]
    np.testing.assert_allclose(picture[-4, -4], np.array(RED) / 2, atol=4)


@pytest.mark.parametrize(("rotation", "corner"), [(90, (4, 4)), (-90, (4, -4)), (180, (-4, 4))])
def test_turned_video_comes_out_upright(tmp_path, rotation, corner):
    """Turned anti-clockwise by 90 degrees, the upper half is the left one."""
    restored = _restored(tmp_path, _video(rotation=rotation))
    picture = _pictures(restored)[0]
    assert picture.shape == ((48, 64, 3) if rotation == 180 else (64, 48, 3))
    np.testing.assert_allclose(picture[corner], np.array(GREEN) / 2, atol=4)
    with av.open(io.BytesIO(restored)) as reader:
        assert next(reader.decode(video=0)).rotation == 0


def test_odd_sizes_and_enlargement_are_padded_to_even(tmp_path):
    pictures = _pictures(_restored(tmp_path, _video(size=(34, 18)), FakeRestorer(upscale=1.5)))
    assert pictures[0].shape == (28, 52, 3)  # 27 x 51


def test_variable_rate_is_kept(tmp_path):
    times = [0, 1, 2, 10, 11, 30]
    original = _video(frames=6, times=times)
    stamps = []
    for content in (original, _restored(tmp_path, original)):
        with av.open(io.BytesIO(content)) as reader:
            stamps.append([round(frame.time, 3) for frame in reader.decode(video=0)])
    assert stamps[1] == stamps[0] == [round(time / 25, 3) for time in times]


def _times(content: bytes) -> tuple[list[float], float]:
    """When each frame is shown, and where the sound ends, in seconds from the first frame's."""
    with av.open(io.BytesIO(content)) as reader:
        frames = [frame.time for frame in reader.decode(video=0)]
    with av.open(io.BytesIO(content)) as reader:
        sound = reader.streams.audio[0]
        ends = [
            float((packet.pts + packet.duration) * sound.time_base)
            for packet in reader.demux(sound)
            if packet.size
        ]
    return [round(frame - frames[0], 3) for frame in frames], max(ends) - frames[0]


def test_videos_that_were_joined_play_one_after_the_other(tmp_path):
    part = _video(frames=50, form="mpegts")
    frames, end = _times(_restored(tmp_path, part + part))
    assert len(frames) == 100 and np.diff(frames) == pytest.approx(0.04, abs=0.002)
    assert end == pytest.approx(4.0, abs=0.15)


def test_avi_with_dropped_frames_stays_with_its_sound(tmp_path):
    times = [0, 1, 2, 10, 11, 12]
    original = _video(frames=6, times=times, form="avi", sound="pcm_s16le")
    assert _times(_restored(tmp_path, original))[0] == [round(time / 25, 3) for time in times]


def test_title_date_and_language_are_kept(tmp_path):
    def described(content: bytes) -> bytes:
        target = io.BytesIO()
        with av.open(io.BytesIO(content)) as reader, av.open(target, "w", format="mp4") as writer:
            writer.metadata.update({"title": "A day", "creation_time": "2020-01-02T03:04:05.000000Z"})
            streams = {stream.index: writer.add_stream_from_template(stream) for stream in reader.streams}
            streams[1].metadata["language"] = "ger"
            for packet in reader.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    writer.mux(packet)
        return target.getvalue()

    with av.open(io.BytesIO(_restored(tmp_path, described(_video())))) as reader:
        assert reader.metadata["title"] == "A day"
        assert reader.metadata["creation_time"] == "2020-01-02T03:04:05.000000Z"
        assert reader.streams.audio[0].metadata["language"] == "ger"


def test_pipe_that_is_called_a_video_does_not_hold_up_the_run(tmp_path, capfd):
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "clip.mp4").write_bytes(_video())
    assert run_command(tmp_path, "-o", tmp_path / "out", "--video") == 1
    assert "pipe.mp4: is not a file" in capfd.readouterr().err


def test_sound_that_mp4_cannot_hold_is_copied_into_matroska(tmp_path):
    original = _video(sound="pcm_s16le", form="avi")
    restored = _restored(tmp_path, original)
    with av.open(io.BytesIO(restored)) as reader:
        assert "matroska" in reader.format.name
    assert b"".join(_sound(restored)) == b"".join(_sound(original))


def test_mp3_stays_in_mp4(tmp_path):
    original = _video(sound="libmp3lame")
    restored = _restored(tmp_path, original)
    with av.open(io.BytesIO(restored)) as reader:
        assert "mp4" in reader.format.name
    assert _sound(restored) == _sound(original)


@pytest.mark.parametrize(
    ("content", "codec"),
    [
        (_video(sound="ac3").replace(b"ac-3", b"apac"), "an unknown codec"),
        (_video(sound="adpcm_ima_qt", form="mov"), "adpcm_ima_qt"),
    ],
)
def test_sound_that_cannot_be_copied_is_left_out_and_named(tmp_path, capfd, content, codec):
    (tmp_path / "a.mov").write_bytes(content)
    (tmp_path / "b.mp4").write_bytes(_video())
    given = (tmp_path / "a.mov", tmp_path / "b.mp4", "-o", tmp_path / "out", "--video")
    assert run_command(*given) == 0
    assert f"a.mov: its sound in {codec} cannot be copied and is left out" in capfd.readouterr().err
    first, second = sorted((tmp_path / "out/restored_videos").iterdir())
    assert len(_pictures(first.read_bytes())) == 10
    with av.open(first) as reader:
        assert not reader.streams.audio
    assert _sound(second.read_bytes())


@pytest.mark.parametrize(("rotation", "expected"), [(0, Fraction(16, 11)), (90, Fraction(11, 16))])
def test_pixels_that_are_not_square_stay_so(tmp_path, rotation, expected):
    restored = _restored(tmp_path, _video(aspect=Fraction(16, 11), rotation=rotation))
    with av.open(io.BytesIO(restored)) as reader:
        assert reader.streams.video[0].sample_aspect_ratio == expected


def test_damaged_packet_costs_its_own_frames_only(tmp_path, capfd):
    content = _video(frames=30)
    with av.open(io.BytesIO(content)) as reader:
        packet = [packet for packet in reader.demux(video=0) if packet.size][20]
        content = content.replace(bytes(packet), bytes(packet.size))
    (tmp_path / "a.mp4").write_bytes(content)
    assert run_command(tmp_path / "a.mp4", "-o", tmp_path / "out", "--video") == 0
    assert "a.mp4: 1 damaged packets were passed over" in capfd.readouterr().err
    assert len(_pictures((tmp_path / "out/restored_videos/a.mp4").read_bytes())) >= 25


def test_hdr_is_refused(tmp_path):
    with pytest.raises(PhotoError, match="HDR"):
        _restored(tmp_path, _video(curve=PQ))


@pytest.mark.parametrize("content", [b"no video at all" * 99, _video()[:2000]])
def test_damaged_video_is_one_sentence(tmp_path, content):
    with pytest.raises(UserError, match="cannot be decoded as a video"):
        _restored(tmp_path, content)


def test_command_restores_videos_beside_photographs_and_reports_frames(tmp_path, capfd):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/clip.mp4").write_bytes(_video())
    (tmp_path / "in/broken.mp4").write_bytes(b"nothing")
    given = (tmp_path / "in", "-o", tmp_path / "out", "--json", tmp_path / "r.json")
    assert run_command(*given, "--video") == 1
    rows = {Path(row["input"]).name: row for row in json.loads((tmp_path / "r.json").read_text())["files"]}
    assert (rows["clip.mp4"]["frames"], rows["clip.mp4"]["frames_with_face"]) == (10, 10)
    assert rows["clip.mp4"]["output"] == str(tmp_path / "out/restored_videos/clip.mp4")
    assert rows["broken.mp4"]["status"] == "failed"
    assert "broken.mp4: cannot be decoded" in capfd.readouterr().err
    assert [path.name for path in (tmp_path / "out/restored_videos").iterdir()] == ["clip.mp4"]
    assert run_command(tmp_path / "in/clip.mp4", "-o", tmp_path / "out", "--video", "--skip-existing") == 0


def test_frames_are_streamed_not_collected(tmp_path):
    peaks = []
    for frames in (20, 120):
        (tmp_path / "clip.mp4").write_bytes(_video(frames=frames, size=(320, 240)))
        tracemalloc.start()
        with (tmp_path / "out.mp4").open("w+b") as target:
            restore_video(FakeRestorer(), tmp_path / "clip.mp4", target, ".mp4", Options())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 3_000_000  # a hundred frames are 23 MB, and 92 MB as floats
