"""Videos, a frame at a time: decoded, restored in batches of faces, encoded again; sound is copied.

Nothing is kept but the frames that the restorer holds back to fill a batch: an hour takes the memory of a
second.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from av.video.reformatter import Colorspace
from jaxtyping import Float, UInt8

from smlnet_jax.errors import UserError
from smlnet_jax.restoration.batch import Options, claim
from smlnet_jax.restoration.files import PhotoError, one_line, opened, replacing, shown
from smlnet_jax.restoration.inputs import Source
from smlnet_jax.restoration.outputs import OutputFolder
from smlnet_jax.restoration.photo import quantize
from smlnet_jax.restoration.report import Row

# What MP4 holds as it is; other sound is copied into Matroska.
MP4_SOUND = frozenset(("aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"))
UNKNOWN = "an unknown codec"
CONTAINERS = {".mp4": "mp4", ".mkv": "matroska"}
HDR_CURVES = (16, 18)  # PQ and HLG (ITU-T H.273, transfer characteristics): no network of ours has seen them
BT709 = 1  # the same table's number of HD's primaries, curve and matrix
HD_HEIGHT = 720  # an untagged video is taken as BT.709 from here on, below as BT.601, as players do
SMPTE_170M = 6  # BT.601 by its usual tag (ITU-T H.273, matrix coefficients), which the library does not know
KEPT = frozenset(("title", "creation_time", "location"))  # of what a video says of itself
ENCODER_OPTIONS = {"crf": "16", "preset": "medium"}


@dataclass
class Counts:
    """Frames of a video, how many of them showed a face, and what is missing from the result."""

    frames: int = 0
    with_face: int = 0
    damaged: int = 0  # packets of the picture that could not be decoded
    mute: list[str] = field(default_factory=list)  # codecs of sound tracks that could not be copied

    def remarks(self) -> list[str]:
        return [
            *(["no face was found in any frame"] if not self.with_face else ()),
            *([f"{self.damaged} damaged packets were passed over"] if self.damaged else ()),
            *(f"its sound in {codec} cannot be copied and is left out" for codec in self.mute),
        ]


def restore_videos(
    restorer: Any,
    sources: Iterable[Source],
    folder: OutputFolder,
    options: Options,
    done: Callable[[Row], None],
    bar: Any,
) -> None:
    """Restores every video and calls `done` once for each; `bar` (a tqdm) shows the frame that is reached."""
    for source in sources:
        name = str(source.path)
        began = time.monotonic()
        try:
            names = claim(source, folder, options, container_suffix(source.path))
            if isinstance(names, Row):
                done(names)
                continue
            with replacing(names.main) as target:
                counts = restore_video(restorer, source.path, target, names.main.suffix, options, bar)
        except PhotoError as error:
            done(Row(name, "failed", reason=error.reason))
            continue
        done(
            Row(
                name,
                "restored" if counts.with_face else "no_face",
                output=str(names.main),
                reason="; ".join(counts.remarks()) or None,
                frames=counts.frames,
                frames_with_face=counts.with_face,
                seconds=round(time.monotonic() - began, 3),
            )
        )


def container_suffix(path: Path) -> str:
    """`.mp4`, or `.mkv` where MP4 cannot hold the video's sound as it is. Raises PhotoError."""
    with _reader(path) as reader:
        sounds = {_codec(sound) for sound in reader.streams.audio}
    return ".mp4" if sounds <= MP4_SOUND | {UNKNOWN} else ".mkv"


def restore_video(
    restorer: Any, path: Path, target: BinaryIO, suffix: str, options: Options, bar: Any = None
) -> Counts:
    """Writes the restored video, upright, H.264 in BT.709, with the sound tracks of the original, to
    `target`.

    Timing is kept frame by frame, so a variable rate stays one. What cannot be decoded or copied is counted
    and left out. Raises PhotoError for what is no video, has HDR colours, or is damaged altogether.
    """
    name, counts = shown(path), Counts()
    try:
        with _reader(path) as reader, av.open(target, "w", format=CONTAINERS[suffix]) as writer:
            video = reader.streams.video[0]
            rate = video.average_rate or video.guessed_rate or Fraction(25)
            encoder = _Encoder(writer, video, rate, reader.streams.audio, counts)
            writer.metadata.update({key: reader.metadata[key] for key in KEPT & reader.metadata.keys()})
            images = _frames(reader, video, rate, encoder, name, options, counts)
            with contextlib.closing(restorer.stream(images, identity=False)) as results:
                for time_stamp, result in results:
                    if isinstance(result, UserError):
                        raise PhotoError(name, f"stopped at frame {counts.frames + 1}: {result}")
                    encoder.write(result.image, time_stamp)
                    counts.frames += 1
                    counts.with_face += bool(result.faces)
                    if bar is not None:
                        bar.set_postfix_str(f"{name} {counts.frames}/{video.frames or '?'}", refresh=False)
                        bar.update(0)
            if not counts.frames:
                raise PhotoError(name, "holds no frame that can be decoded")
            encoder.finish()
    except av.FFmpegError as error:
        raise PhotoError(name, f"cannot be restored as a video ({one_line(error)})") from error
    return counts


class _Clock:
    """Time stamps that rise, of a stream whose clock may start again: videos are joined end to end."""

    def __init__(self, time_base: Fraction) -> None:
        self._second = round(1 / time_base)
        self._offset = 0
        self._last: int | None = None

    def at(self, stamp: int | None, length: int) -> int:
        """The stamp of what lasts `length`: after the last if it has none or falls back by over a second."""
        if self._last is None:
            self._last = stamp or 0
            return self._last
        if stamp is None:
            stamp = self._last + length - self._offset
        elif stamp + self._offset < self._last - self._second:
            self._offset = self._last + length - stamp
        self._last = max(stamp + self._offset, self._last + 1)  # none comes twice
        return self._last


class _Encoder:
    """The output's video stream, opened with the first frame, which tells the size; sound waits for it.

    `sounds` are the streams that are copied; the codecs of others are noted in `counts`.
    """

    def __init__(
        self, writer: Any, video: Any, rate: Fraction, sounds: Iterable[Any], counts: Counts
    ) -> None:
        self._writer = writer
        self._time_base = video.time_base
        self._stream = writer.add_stream("libx264", rate=rate, options=ENCODER_OPTIONS)
        context = self._stream.codec_context
        context.time_base = video.time_base
        context.colorspace = context.color_primaries = context.color_trc = BT709
        self._stream.pix_fmt = "yuv420p"
        self.sounds: list[Any] = []
        self._copies: dict[int, Any] = {}
        self._clocks: dict[int, _Clock] = {}
        for sound in sounds:
            try:
                if sound.codec_context is None:
                    raise ValueError("FFmpeg does not know the codec")
                self._copies[sound.index] = writer.add_stream_from_template(sound)
                self._copies[sound.index].metadata.update(sound.metadata)  # language and title
                self._clocks[sound.index] = _Clock(sound.time_base)
                self.sounds.append(sound)
            except ValueError:  # nor does Matroska hold everything
                counts.mute.append(_codec(sound))
        self._waiting: list[Any] | None = []

    def shape_pixels(self, aspect: Fraction | None, rotation: int) -> None:
        """Width to height of a pixel, as stored; the result is turned upright. Before the first frame."""
        if aspect:
            turned = rotation % 180 == 90
            self._stream.codec_context.sample_aspect_ratio = 1 / aspect if turned else aspect

    def copy(self, packet: Any) -> None:
        """One packet of sound, as it is."""
        if packet.dts is None:  # the demuxer's sign of the end
            return
        clock, before = self._clocks[packet.stream.index], packet.dts
        packet.dts = clock.at(before, packet.duration or 1)
        if packet.pts is not None:
            packet.pts += packet.dts - before
        packet.stream = self._copies[packet.stream.index]
        if self._waiting is None:
            self._writer.mux(packet)
        else:
            self._waiting.append(packet)

    def write(self, image: Float[np.ndarray, "h w 3"], time_stamp: int) -> None:
        rgb = quantize(image)
        height, width = rgb.shape[:2]
        rgb = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")  # 4:2:0 needs even sides
        if self._waiting is not None:
            self._stream.height, self._stream.width = rgb.shape[:2]
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
        frame.pts, frame.time_base = time_stamp, self._time_base
        self._writer.mux(self._stream.encode(frame))
        waiting, self._waiting = self._waiting or [], None
        for packet in waiting:
            self._writer.mux(packet)

    def finish(self) -> None:
        self._writer.mux(self._stream.encode())


def _frames(
    reader: Any, video: Any, rate: Fraction, encoder: _Encoder, name: str, options: Options, counts: Counts
) -> Iterator[tuple[int, UInt8[np.ndarray, "h w 3"]]]:
    """(time stamp in units of the stream, upright RGB) of every frame; sound goes past to the encoder."""
    # AVI counts its frames, dropped ones too, and FFmpeg's guess of when each is shown goes backwards.
    counted = "avi" in reader.format.name.split(",")
    length = max(round(1 / rate / video.time_base), 1)
    clock, is_first, first = _Clock(video.time_base), True, 0
    for packet in reader.demux([video, *encoder.sounds]):
        if packet.stream is not video:
            encoder.copy(packet)
            continue
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            counts.damaged += 1
            continue
        for frame in frames:
            if is_first:
                _refuse(frame, name, options)
                encoder.shape_pixels(video.sample_aspect_ratio, round(frame.rotation))
                first = frame.dts or 0 if counted else 0
            known = frame.dts if counted else frame.pts
            stamp = None if known is None else known - first
            yield clock.at(stamp, length), _rgb(frame)
            is_first = False


def _refuse(frame: Any, name: str, options: Options) -> None:
    if frame.color_trc in HDR_CURVES:
        raise PhotoError(name, "has HDR colours; convert it to standard range first")
    if frame.width * frame.height * options.upscale**2 > options.max_pixels:
        size = f"{frame.width}x{frame.height}"
        raise PhotoError(name, f"is {size}, and would exceed {options.max_pixels:,} pixels; lower -s")


def _rgb(frame: Any) -> UInt8[np.ndarray, "h w 3"]:
    """Upright. Untagged colours are read as players read them."""
    guess = Colorspace.ITU709 if frame.height >= HD_HEIGHT else Colorspace.ITU601
    tagged = Colorspace.ITU601 if frame.colorspace == SMPTE_170M else frame.colorspace
    space = Colorspace(tagged) if tagged in iter(Colorspace) else guess
    rgb = frame.reformat(format="rgb24", src_colorspace=space).to_ndarray()
    return np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90)))  # both count anti-clockwise


def _codec(sound: Any) -> str:
    """A name that does not depend on which of FFmpeg's decoders it chose."""
    return sound.codec_context.codec.canonical_name if sound.codec_context is not None else UNKNOWN


@contextlib.contextmanager
def _reader(path: Path) -> Iterator[Any]:
    """Through a file object: FFmpeg takes a name for a URL, and only in UTF-8."""
    name = shown(path)
    with opened(path) as file:
        try:
            reader = av.open(file)
        except av.FFmpegError as error:
            raise PhotoError(name, f"cannot be decoded as a video ({one_line(error)})") from error
        with reader:
            if not reader.streams.video:
                raise PhotoError(name, "holds no video")
            yield reader
