"""Segments joined without encoding anything anew, and all that was beside the film put with them.

Packets keep their times one for one. Those of the segments' own files do not matter: when each of
their packets is shown was noted as it was encoded.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from vsr_data.video import opened, reason_of
from vsr_files import replacing
from vsr_upscale.output.beside import AnyPacket, Beside, Copied, describe
from vsr_upscale.output.encoders import Encoding
from vsr_upscale.output.job import Segment
from vsr_upscale.output.painting import Tags
from vsr_upscale.part import Part
from vsr_upscale.source import Film

AS_IT_COMES: Final = {
    "avoid_negative_ts": "disabled",
    "max_interleave_delta": "1",
    "fflags": "+bitexact",
}
"""Times are not shifted; packets, which come in order, do not wait for each other; and nothing is
drawn by chance."""

MUXED_WELL: Final = {"mp4": {"movflags": "+faststart"}, "mov": {"movflags": "+faststart"}}
"""Options of containers: an index at the front lets a film play while it is fetched."""

_OWN_TAGS: Final = {("hevc", "mp4"): "hvc1", ("hevc", "mov"): "hvc1"}
"""How codecs are marked where the usual mark is not played everywhere."""


def join(
    segments: Sequence[Segment],
    out: Path,
    *,
    film: Film,
    part: Part,
    encoding: Encoding,
    beside: Beside,
) -> list[str]:
    """Write segments and what was beside the film into one file, whole or not at all.

    Args:
        segments: a film's frames, encoded; at least one segment.
        out: the file.
        film: the film.
        part: which part of it the segments are.
        encoding: how they are encoded.
        beside: what the output holds of what is beside the film.

    Returns:
        What is left out and why, in words.

    Raises:
        OSError, FFmpegError: if the disk refuses, or the container does.
    """
    container = beside.container
    options = {**MUXED_WELL.get(container, {}), **AS_IT_COMES}
    with (
        opened(film.path) as (source, main),
        replacing(out) as file,
        av.open(url_of(segments[0].path)) as first,
        av.open(file, "w", format=container, container_options=options) as output,
    ):
        copied = Copied(source, output, film=film, part=part, beside=beside)
        streams = list(source.streams)
        for stream in streams[: main.index]:
            copied.add(stream)
        video = add_video(output, first.streams.video[0], film, encoding, container)
        describe(video, main, is_new=True)
        for stream in streams[main.index + 1 :]:
            copied.add(stream)
        copied.copy_metadata()
        muxer = _Muxer(output)
        others = copied.packets()
        waiting = next(others, None)
        for packet in _film_packets(film, part, segments, video):
            while waiting is not None and _decoded_s(waiting) <= _decoded_s(packet):
                muxer.try_mux(waiting)
                waiting = next(others, None)
            output.mux(packet)
        while waiting is not None:
            muxer.try_mux(waiting)
            waiting = next(others, None)
        return copied.notes + muxer.notes


def add_video(
    output: OutputContainer, encoded: VideoStream, film: Film, encoding: Encoding, container: str
) -> VideoStream:
    """Add the film's own stream, encoded elsewhere, with all that its file says of it."""
    video = output.add_stream_from_template(encoded, opaque=True)
    video.time_base = film.time_base
    video.codec_context.framerate = film.rate
    Tags.of(film, encoding.pixel_format).put_on(video.codec_context)
    if film.display_matrix is not None and not encoding.turns:
        video.set_display_matrix(film.display_matrix)
    mark = _OWN_TAGS.get((encoded.codec_context.name, container))
    if mark is not None:
        video.codec_context.codec_tag = mark
    return video


def url_of(path: Path) -> str:
    """A path as libav opens it: what stands before a colon would name a protocol."""
    return f"file:{path}"


class _Muxer:
    """Writes packets of what is beside a film; what is refused is named, once a stream."""

    def __init__(self, output: OutputContainer) -> None:
        self._output = output
        self._latest: dict[int, int] = {}
        self._refused: set[int] = set()
        self.notes: list[str] = []

    def try_mux(self, packet: AnyPacket) -> None:
        """Write a packet, strictly after the last one of its stream."""
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
                kind = packet.stream.type
                self.notes.append(f"parts of the {kind} are left out: {reason_of(error)}")


def _film_packets(
    film: Film, part: Part, segments: Sequence[Segment], video: VideoStream
) -> Iterator[AnyPacket]:
    """The film's packets in decoding order, each with its frame's time."""
    times = sorted(time for segment in segments for time in segment.shown)
    ends = [*times[1:], _end(film, part, times[-1], segments[-1].duration)]
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


def _end(film: Film, part: Part, last: int, duration: int) -> int:
    """When the last frame ends: with its stream, as far as that is near what it says itself."""
    usual = last + max(1, duration)
    if film.end is None or film.restarts:
        return usual
    said = round((film.end - Fraction(part.start)) / film.time_base)
    return said if last < said < last + 2 * duration else usual


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


def _packets(segment: Segment) -> Iterator[AnyPacket]:
    with av.open(url_of(segment.path)) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size:
                yield packet


def _decoded_s(packet: AnyPacket) -> Fraction:
    return (packet.dts or 0) * packet.time_base
