"""Segments joined without encoding anything anew, and all that was beside the film put with them.

Packets keep their times one for one. Those of the segments' own files do not matter: when each of
their packets is shown was noted as it was encoded.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias

import av
from av import Packet
from av.container import InputContainer, OutputContainer
from av.stream import AttachmentStream, Disposition, Stream
from av.video.stream import VideoStream

from vsr_data.video import DECODE_ERRORS, opened, reason_of
from vsr_files import printable, replacing
from vsr_upscale.output.job import Segment
from vsr_upscale.source import Film

AnyPacket: TypeAlias = "Packet[Any]"

MUXED_WELL: Final = {"mp4": {"movflags": "+faststart"}, "mov": {"movflags": "+faststart"}}
"""Options of containers: an index at the front lets a film play while it is fetched."""

AS_IT_COMES: Final = {"avoid_negative_ts": "disabled", "max_interleave_delta": "1"}
"""Times are not shifted; and packets, which come in order, do not wait for each other."""

TRIED: Final = 16
"""Packets of a stream by which is seen whether a container holds it: damage shows in its first."""

OF_THE_FILE: Final = frozenset({"encoder", "major_brand", "minor_version", "compatible_brands"})
"""Metadata of a file's form, which is another now."""

_OWN_TAGS: Final = {("hevc", "mp4"): "hvc1", ("hevc", "mov"): "hvc1"}
"""How codecs are marked where the usual mark is not played everywhere."""


def join(
    film: Film,
    segments: Sequence[Segment],
    out: Path,
    container: str,
    *,
    start: float = 0.0,
    duration: float | None = None,
) -> list[str]:
    """Write segments and what was beside the film into one file, whole or not at all.

    Args:
        film: the film.
        segments: its frames, encoded; at least one.
        out: the file.
        container: libav's name of its format.
        start: seconds into the film at which the output begins.
        duration: seconds that are asked for; None goes on to the end.

    Returns:
        What is left out and why, in words.

    Raises:
        OSError: if the disk refuses.
    """
    with (
        opened(film.path) as (source, main),
        replacing(out) as file,
        av.open(str(segments[0].path)) as first,
    ):
        options = {**MUXED_WELL.get(container, {}), **AS_IT_COMES}
        with av.open(file, "w", format=container, container_options=options) as output:
            joined = _Joined(source, main, output, film, container)
            video = joined.add_streams(first.streams.video[0])
            joined.copy_metadata(start)
            other = joined.others(start, duration)
            waiting = next(other, None)
            for packet in _film_packets(film, segments, video):
                while waiting is not None and _dts_s(waiting) <= _dts_s(packet):
                    joined.mux(waiting)
                    waiting = next(other, None)
                joined.mux(packet)
            while waiting is not None:
                joined.mux(waiting)
                waiting = next(other, None)
            return joined.notes


class _Joined:
    """An output, with the streams that it has of the film's file."""

    def __init__(
        self,
        source: InputContainer,
        main: VideoStream,
        output: OutputContainer,
        film: Film,
        container: str,
    ) -> None:
        self.notes: list[str] = []
        self._source, self._main, self._output = source, main, output
        self._film, self._container = film, container
        self._streams: dict[int, Stream] = {}
        self._latest: dict[int, int] = {}
        self._refused: set[int] = set()

    def add_streams(self, encoded: VideoStream) -> VideoStream:
        """Add every stream that the container takes, in the film's order; return the video."""
        video: VideoStream | None = None
        for stream in self._source.streams:
            if stream.index == self._main.index:
                video = self._add_video(encoded)
                self._keep_description(stream, video)
            elif isinstance(stream, AttachmentStream):
                self._add_attachment(stream)
            elif self._container == "matroska" and _is_cover(stream):
                self._attach_cover(stream)
            else:
                self._add_other(stream)
        assert video is not None  # noqa: S101 - the film's own stream is one of its file's
        return video

    def copy_metadata(self, start: float) -> None:
        """Copy what the file says of itself, and its chapters."""
        kept = self._source.metadata.items()
        self._output.metadata.update({k: v for k, v in kept if k.lower() not in OF_THE_FILE})
        chapters: list[Any] = []
        for chapter in self._source.chapters():
            base = chapter["time_base"] or Fraction(1, av.time_base)
            shift = round(start / base)
            if chapter["end"] > shift:
                begin = max(0, chapter["start"] - shift)
                chapter |= {"start": begin, "end": chapter["end"] - shift}
                chapters.append(chapter)
        if chapters:
            self._output.set_chapters(chapters)

    def others(self, start: float, duration: float | None) -> Iterator[AnyPacket]:
        """Yield what is beside the film, as it is, in the order of its file."""
        streams = [self._source.streams[index] for index in self._streams]
        if not streams:
            return
        end = None if duration is None else start + duration
        try:
            for packet in self._source.demux(*streams):
                own = self._streams[packet.stream.index]
                if _is_cover(packet.stream):
                    packet.pts = packet.dts = 0
                if not packet.size or (packet.dts is None and packet.pts is None):
                    continue
                if packet.dts is None:
                    packet.dts = packet.pts
                if self._is_wanted(packet, start, end):
                    self._shift(packet, start)
                    packet.stream = own
                    yield packet
        except DECODE_ERRORS as error:
            self.notes.append(f"what is beside the film ends early: {reason_of(error)}")

    def mux(self, packet: AnyPacket) -> None:
        """Write a packet; one that the container refuses is left out and named, once a stream."""
        number = packet.stream.index
        latest = self._latest.get(number)
        if latest is not None and packet.dts is not None and packet.dts <= latest:
            packet.dts = latest + 1  # a damaged file's; its neighbour's time is as good
            packet.pts = None if packet.pts is None else max(packet.pts, packet.dts)
        if packet.dts is not None:
            self._latest[number] = packet.dts
        try:
            self._output.mux(packet)
        except (av.error.InvalidDataError, av.error.ArgumentError, ValueError) as error:
            if number not in self._refused:
                self._refused.add(number)
                self.notes.append(
                    f"parts of {packet.stream.type} stream {number} are left out: "
                    f"{reason_of(error)}"
                )

    def _add_video(self, encoded: VideoStream) -> VideoStream:
        video = self._output.add_stream_from_template(encoded, opaque=True)
        video.time_base = self._film.time_base
        video.codec_context.framerate = self._film.rate
        if self._film.display_matrix is not None:
            video.set_display_matrix(self._film.display_matrix)
        mark = _OWN_TAGS.get((encoded.codec_context.name, self._container))
        if mark is not None:
            video.codec_context.codec_tag = mark
        return video

    def _add_other(self, stream: Stream) -> None:
        if not _is_held(self._film.path, self._container, stream):
            name = getattr(stream.codec_context, "name", None) or "of no known kind"
            better = "; .mkv holds most kinds"
            if self._container == "matroska":
                better = f"; {self._film.path.suffix} does" if self._film.path.suffix else ""
            self.notes.append(
                f"{stream.type} stream {stream.index} ({name}) is left out: "
                f"{self._container} files do not hold it{better}"
            )
            return
        added = self._output.add_stream_from_template(stream, opaque=True)
        if stream.time_base is not None:
            added.time_base = stream.time_base
        if isinstance(added, VideoStream) and stream.average_rate:
            added.codec_context.framerate = stream.average_rate
        self._keep_description(stream, added)
        self._streams[stream.index] = added

    def _add_attachment(self, stream: AttachmentStream) -> None:
        name = stream.metadata.get("filename", f"attachment-{stream.index}")
        if self._container == "matroska":
            self._output.add_attachment(name, stream.mimetype or "", stream.data)
        else:
            self.notes.append(
                f"attachment {printable(name)!r} is left out: {self._container} files hold none; "
                ".mkv does"
            )

    def _attach_cover(self, stream: Stream) -> None:
        """Attach a cover as Matroska keeps them."""
        with opened(self._film.path) as (source, _):
            packets = source.demux(source.streams[stream.index])
            data = next((bytes(packet) for packet in packets if packet.size), b"")
        kind = {"mjpeg": "jpeg"}.get(stream.codec_context.name, stream.codec_context.name)
        ending = "jpg" if kind == "jpeg" else kind
        self._output.add_attachment(f"cover.{ending}", f"image/{kind}", data)

    def _keep_description(self, stream: Stream, added: Stream) -> None:
        added.metadata.update({k: v for k, v in stream.metadata.items() if k != "encoder"})
        added.disposition = stream.disposition

    def _is_wanted(self, packet: AnyPacket, start: float, end: float | None) -> bool:
        """Whether a packet is shown between two times; a cover has none, and is kept."""
        shown = packet.dts if packet.pts is None else packet.pts
        begins = float((shown or 0) * packet.time_base) - self._film.origin
        ends = begins + float((packet.duration or 0) * packet.time_base)
        if _is_cover(packet.stream):
            return True
        return (not start or ends > start) and (end is None or begins < end)

    @staticmethod
    def _shift(packet: AnyPacket, start: float) -> None:
        """Count a packet's times from the start; a subtitle that is shown by then begins there."""
        if not start or _is_cover(packet.stream):
            return
        ticks = round(start / packet.time_base)
        packet.dts = None if packet.dts is None else packet.dts - ticks
        packet.pts = None if packet.pts is None else packet.pts - ticks
        if packet.stream.type == "subtitle" and packet.pts is not None and packet.pts < 0:
            packet.duration = max(1, (packet.duration or 0) + packet.pts)
            packet.pts = packet.dts = 0


def _is_cover(stream: Stream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def _is_held(path: Path, container: str, stream: Stream) -> bool:
    """Whether files of a kind hold a stream, by making one of its beginning."""
    try:
        with opened(path) as (source, _), av.open(BytesIO(), "w", format=container) as trial:
            of_trial = trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
            for packet in islice(source.demux(source.streams[stream.index]), TRIED):
                if packet.size and packet.dts is not None:
                    packet.stream = of_trial
                    trial.mux(packet)
    except (ValueError, AttributeError, OSError, av.error.FFmpegError):
        return False
    return True


def _film_packets(
    film: Film, segments: Sequence[Segment], video: VideoStream
) -> Iterator[AnyPacket]:
    """The film's packets in decoding order, each with its frame's time."""
    times = sorted(time for segment in segments for time in segment.shown)
    ends = [*times[1:], max(times[-1] + 1, _end(film, times[-1], segments[-1].duration))]
    lengths = {time: end - time for time, end in zip(times, ends, strict=True)}
    delay, number = max(map(_delay, segments)), 0
    for segment in segments:
        for packet, pts in zip(_packets(segment), segment.shown, strict=True):
            packet.pts, packet.duration = pts, lengths[pts]
            packet.dts = _decoded_at(times, number - delay)
            packet.time_base = film.time_base
            packet.stream = video
            number += 1
            yield packet


def _end(film: Film, last: int, duration: int) -> int:
    """When the last frame ends: with its stream, as far as that is near what it says itself."""
    said = None if film.end is None else round(film.end / film.time_base)
    is_near = said is not None and last < said < last + 2 * duration
    return said if said is not None and is_near else last + duration


def _delay(segment: Segment) -> int:
    """Frames by which decoding must be ahead, so that none is decoded after it is shown."""
    rank = {time: place for place, time in enumerate(sorted(segment.shown))}
    return max(place - rank[time] for place, time in enumerate(segment.shown))


def _decoded_at(times: Sequence[int], place: int) -> int:
    """The time of a place, those before the first as far apart as the first two are."""
    if place >= 0:
        return times[place]
    apart = times[1] - times[0] if len(times) > 1 else 1
    return times[0] + place * apart


def _packets(segment: Segment) -> Iterator[Any]:
    with av.open(str(segment.path)) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size:
                yield packet


def _dts_s(packet: AnyPacket) -> Fraction:
    return (packet.dts or 0) * packet.time_base
