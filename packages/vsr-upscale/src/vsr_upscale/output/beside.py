"""What is beside a film in its file: what of it an output holds, and its packets, as they are."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from io import BytesIO
from typing import Any, Final, TypeAlias

import av
from av import Packet
from av.container import InputContainer, OutputContainer
from av.stream import AttachmentStream, Disposition, Stream
from av.video.stream import VideoStream

from vsr_data.video import DECODE_ERRORS, opened, reason_of
from vsr_files import printable
from vsr_upscale.part import Part
from vsr_upscale.source import STEP_BACK_S, Film

AnyPacket: TypeAlias = "Packet[Any]"

TRIED: Final = 16
"""Packets of a stream by which is seen whether a container holds it: damage shows in its first."""

MOST_READ: Final = 4000
"""Packets of a file that are read for that: a sparse stream may have none among them."""

PRIMING_S: Final = 0.3
"""Seconds before a film that a decoder needs to warm up; what is cut away earlier is left out."""

LATE_S: Final = 30.0
"""Seconds by which packets of a time may lie behind others in a file."""

_STALE: Final = ("encoder", "bps", "number_of_", "_statistics", "duration", "handler_name")
"""How names of metadata begin that are true of the film's old video alone."""


@dataclass
class Beside:
    """What an output holds of what is beside a film.

    Attributes:
        container: libav's name of the output's format.
        kept: numbers of the streams that it holds as they are.
        attached: numbers of those that it holds as attachments.
        notes: what is left out and why, in words.
    """

    container: str
    kept: list[int] = field(default_factory=list)
    attached: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, film: Film, container: str) -> "Beside":
        """Find out what files of a kind hold, by making one of the beginning of each stream."""
        found = cls(container)
        with opened(film.path) as (source, main):
            others = [stream for stream in source.streams if stream.index != main.index]
            beginnings = _beginnings(source, others)
            for stream in others:
                if isinstance(stream, AttachmentStream) or _is_cover(stream):
                    found._add_attachment(stream, beginnings.get(stream.index, []))
                elif not _tells_chapters(source, stream):
                    found._add(film, stream, beginnings.get(stream.index, []))
        return found

    def _add(self, film: Film, stream: Stream, beginning: Sequence[AnyPacket]) -> None:
        if _is_held(self.container, stream, beginning):
            self.kept.append(stream.index)
            return
        name = getattr(stream.codec_context, "name", None) or "of no known kind"
        better = "; .mkv holds most kinds"
        if self.container == "matroska":
            better = f"; {film.path.suffix} does" if film.path.suffix else ""
        self.notes.append(
            f"{stream.type} stream {stream.index} ({name}) is left out: {self.container} files do "
            f"not hold it{better}"
        )

    def _add_attachment(self, stream: Stream, beginning: Sequence[AnyPacket]) -> None:
        """Matroska attaches covers and fonts; others hold covers as streams, or nothing."""
        if self.container == "matroska":
            self.attached.append(stream.index)
        elif _is_cover(stream) and _is_held(self.container, stream, beginning):
            self.kept.append(stream.index)
        else:
            name = stream.metadata.get("filename", f"attachment {stream.index}")
            self.notes.append(
                f"{printable(name)!r} is left out: {self.container} files hold none; .mkv does"
            )


class Copied:
    """The streams of an output that are as they are in the film's file.

    Args:
        source: the film's file.
        output: the output.
        film: the film.
        part: which part of it is asked for.
        beside: what the output holds.
    """

    def __init__(
        self,
        source: InputContainer,
        output: OutputContainer,
        *,
        film: Film,
        part: Part,
        beside: Beside,
    ) -> None:
        self._source, self._output = source, output
        self._film, self._part, self._beside = film, part, beside
        self._streams: dict[int, Stream] = {}
        self._restarts: Counter[int] = Counter()
        self._latest: dict[int, int] = {}
        self.notes: list[str] = []

    def add(self, stream: Stream) -> None:
        """Add a stream of the film's file to the output, if it holds it."""
        if stream.index in self._beside.attached:
            self._attach(stream)
        if stream.index not in self._beside.kept:
            return
        added = self._output.add_stream_from_template(stream, opaque=True)
        if stream.time_base is not None:
            added.time_base = stream.time_base
        if isinstance(added, VideoStream) and stream.average_rate:
            added.codec_context.framerate = stream.average_rate
        describe(added, stream)
        self._streams[stream.index] = added

    def packets(self) -> Iterator[AnyPacket]:
        """Yield the streams' packets, in the order of the file, at the output's times."""
        streams = [self._source.streams[index] for index in self._streams]
        if not streams:
            return
        try:
            self._part.seek(self._source, self._film.origin)
            for packet in self._source.demux(*streams):
                if self._part.is_over(self._seconds(packet) - LATE_S):
                    break
                if packet.size and self._is_timed(packet) and self._is_wanted(packet):
                    packet.stream = self._streams[packet.stream.index]
                    yield packet
        except DECODE_ERRORS as error:
            self.notes.append(f"what is beside the film ends early: {reason_of(error)}")

    def copy_metadata(self) -> None:
        """Copy what the file says of itself, and its chapters."""
        of_form = {"encoder", "major_brand", "minor_version", "compatible_brands"}
        kept = self._source.metadata.items()
        self._output.metadata.update({k: v for k, v in kept if k.lower() not in of_form})
        chapters: list[Any] = []
        for chapter in self._source.chapters():
            base = chapter["time_base"] or Fraction(1, av.time_base)
            begins, ends = (float(chapter[side] * base) for side in ("start", "end"))
            begins, ends = self._part.clipped(begins, ends)
            if ends > begins:
                chapter |= {"start": round(begins / base), "end": round(ends / base)}
                chapters.append(chapter)
        if chapters:
            self._output.set_chapters(chapters)

    def _attach(self, stream: Stream) -> None:
        if isinstance(stream, AttachmentStream):
            name = stream.metadata.get("filename", f"attachment-{stream.index}")
            self._output.add_attachment(name, stream.mimetype or "", stream.data)
            return
        with opened(self._film.path) as (source, _):
            data = _beginnings(source, [source.streams[stream.index]]).get(stream.index, [])
            codec = stream.codec_context.name
            ending, kind = ("jpg", "jpeg") if codec == "mjpeg" else (codec, codec)
            if data:
                self._output.add_attachment(f"cover.{ending}", f"image/{kind}", bytes(data[0]))

    def _is_timed(self, packet: AnyPacket) -> bool:
        """Give a packet its times on a clock that never starts anew, where it has any."""
        number = packet.stream.index
        if _is_cover(packet.stream):
            packet.pts = packet.dts = 0
            return True
        if packet.dts is None:
            packet.dts = packet.pts
        if packet.dts is None:
            return False
        restarts = self._film.restarts
        latest = self._latest.get(number)
        if latest is not None and (latest - packet.dts) * packet.time_base > STEP_BACK_S:
            self._restarts[number] += 1
        self._latest[number] = packet.dts
        moved = sum(restarts[: self._restarts[number]], Fraction(0))
        self._move(packet, round(moved / packet.time_base))
        return True

    def _is_wanted(self, packet: AnyPacket) -> bool:
        """Whether a packet is shown in the part, and then count its times from there."""
        if _is_cover(packet.stream):
            return True
        begins = self._seconds(packet)
        ends = begins + float((packet.duration or 0) * packet.time_base)
        if packet.is_discard and ends < -PRIMING_S:  # an edit list cuts it away
            return False
        if not self._part.holds(begins, ends):
            return False
        self._move(packet, -round(self._part.start / packet.time_base))
        if packet.stream.type == "subtitle" and packet.pts is not None and self._part.start:
            early = min(0, packet.pts)  # it is shown by then, and begins with the part
            packet.duration = max(1, (packet.duration or 0) + early)
            self._move(packet, -early)
        return True

    def _seconds(self, packet: AnyPacket) -> float:
        shown = packet.dts if packet.pts is None else packet.pts
        return float((shown or 0) * packet.time_base) - self._film.origin

    @staticmethod
    def _move(packet: AnyPacket, ticks: int) -> None:
        packet.dts = None if packet.dts is None else packet.dts + ticks
        packet.pts = None if packet.pts is None else packet.pts + ticks


def describe(added: Stream, stream: Stream, *, is_new: bool = False) -> None:
    """Copy what a stream says of itself; what is true of its old packets alone, of those alone."""
    stale = _STALE if is_new else _STALE[:1]
    said = stream.metadata.items()
    added.metadata.update({k: v for k, v in said if not k.lower().startswith(stale)})
    added.disposition = stream.disposition


def _beginnings(source: InputContainer, streams: Sequence[Stream]) -> dict[int, list[AnyPacket]]:
    """The first packets of each stream, from one look at the beginning of the file."""
    found: dict[int, list[AnyPacket]] = {}
    timed = [stream for stream in streams if not isinstance(stream, AttachmentStream)]
    if not timed:
        return found
    wanted = TRIED * len(timed)
    try:
        for number, packet in enumerate(source.demux(*timed)):
            first = found.setdefault(packet.stream.index, [])
            if packet.size and len(first) < TRIED:
                first.append(packet)
            if number > MOST_READ or sum(map(len, found.values())) >= wanted:
                break
    except DECODE_ERRORS:
        pass  # what can be read is tried
    return found


def _is_held(container: str, stream: Stream, beginning: Sequence[AnyPacket]) -> bool:
    """Whether files of a kind hold a stream, by making one."""
    try:
        with av.open(BytesIO(), "w", format=container) as trial:
            of_trial = trial.add_stream_from_template(stream, opaque=True)
            if _is_cover(stream):
                of_trial.disposition = Disposition.attached_pic
            trial.start_encoding()
            for packet in beginning:
                if packet.dts is not None:
                    packet.stream = of_trial
                    trial.mux(packet)
    except (ValueError, AttributeError, OSError, av.error.FFmpegError):
        return False
    return True


def _is_cover(stream: Stream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def _tells_chapters(source: InputContainer, stream: Stream) -> bool:
    """Whether a stream is how QuickTime keeps chapters, which are copied as such."""
    return stream.type == "data" and stream.codec_context is None and bool(source.chapters())
