"""A video file in, its undamaged frames out, in order, each knowing whether it follows the last.

A run of frames ends at a frame of another size, at a decode error, at a frame that the decoder
marks as damaged and where time goes backwards; after damage the next one starts at a key frame,
because damage lasts until then. Whoever must show every moment, as a player does, asks for damaged
frames too, as the decoder conceals them. No file can hang or flood this: frame sizes, packets and
idle time are bounded.
"""

import heapq
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import av
from av import Packet, VideoFrame
from av.container import InputContainer
from av.video.stream import VideoStream

from vsr_data.pixels import Pixels, Size
from vsr_data.video.colour import quarter_turns, rgb_from_frame
from vsr_data.video.container import DECODE_ERRORS, opened, reason_of

IDLE_S: Final = 60.0
WITHOUT_TIMESTAMPS: Final = frozenset({"avi"})  # its packets are timed in decoding order alone
SEEK_MARGIN_S: Final = 2.0  # how far before a start decoding begins, at a key frame
MOST_NOTES: Final = 4


@dataclass(frozen=True)
class FrameRange:
    """Frames `first` up to, not including, `stop` of every video; None is its end."""

    first: int = 0
    stop: int | None = None

    @classmethod
    def parse(cls, text: str) -> "FrameRange":
        """Read `first:stop`, either side of which may be empty."""
        first, _, stop = text.partition(":")
        return cls(int(first or 0), int(stop) if stop else None)

    def count(self, available: int) -> int:
        """How many of so many frames lie in the range."""
        stop = available if self.stop is None else min(self.stop, available)
        return max(0, stop - self.first)


@dataclass(frozen=True)
class Frame:
    """One frame of a video.

    Attributes:
        number: its place among the file's frames as decoded, from 0.
        picture: as decoded, with its own matrix, range, depth and rotation.
        follows: whether the frame yielded before is the one before it in time, of the same size.
        to_rgb: how its colours become 8-bit RGB, upright.
    """

    number: int
    picture: VideoFrame
    follows: bool
    to_rgb: Callable[[VideoFrame], Pixels] = rgb_from_frame

    @property
    def seconds(self) -> float | None:
        """When it is shown; None where the file has no times at all."""
        return self.picture.time

    @property
    def quarter_turns(self) -> int:
        """Counter-clockwise quarter turns that put it upright."""
        return quarter_turns(self.picture.rotation)

    @property
    def size(self) -> Size:
        """(height, width) once it is upright."""
        return _upright_size(self.picture)

    def rgb(self) -> Pixels:
        """Convert to `rgb_HWC`, uint8, upright.

        Raises:
            ValueError, OSError, MemoryError: its pixel format cannot be converted.
        """
        return self.to_rgb(self.picture)


@dataclass
class Tally:
    """What was met while a file was decoded.

    Attributes:
        decoded: frames that the decoder gave, up to the end of the range.
        damaged: frames or packets among them that could not be used.
        notes: what stopped or spoilt the decoding, in words; a few.
    """

    decoded: int = 0
    damaged: int = 0
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Keep a remark, once."""
        if text not in self.notes and len(self.notes) < MOST_NOTES:
            self.notes.append(text)


def frames(
    path: Path,
    wanted: FrameRange = FrameRange(),
    tally: Tally | None = None,
    *,
    keep_damaged: bool = False,
    start_s: float = 0.0,
) -> Generator[Frame, None, None]:
    """Decode a video, once, from its start.

    Args:
        path: the file.
        wanted: frames to yield, by number; those before are decoded all the same.
        tally: where to count what is met; it is up to date at every frame.
        keep_damaged: whether to yield damaged frames too; none of them follows the one before.
        start_s: seconds into the film before which nothing is needed: numbers then count from a
            key frame before it, where the file can be searched.

    Yields:
        The frames in the range. Each holds decoded memory: keep what is made of it.

    Raises:
        UnusableFileError: it is no video, or its frames are absurdly large.
    """
    tally = Tally() if tally is None else tally
    follows = needs_key_frame = False
    latest: int | None = None
    size: Size | None = None
    for picture in _decoded(path, tally, start_s):
        if picture is None or picture.is_corrupt:
            tally.damaged += 1
            follows, needs_key_frame = False, True
        if picture is None:
            continue
        number = tally.decoded
        if wanted.stop is not None and number >= wanted.stop:
            return
        tally.decoded += 1
        if picture.pts is not None:
            follows = follows and (latest is None or picture.pts >= latest)
            latest = picture.pts
        needs_key_frame = needs_key_frame and not picture.key_frame
        if not keep_damaged and (needs_key_frame or picture.is_corrupt):
            continue
        if number >= wanted.first:
            before, size = size, _upright_size(picture)
            yield Frame(number, picture, follows=follows and size == before)
            follows = True


def _upright_size(picture: VideoFrame) -> Size:
    if quarter_turns(picture.rotation) % 2:
        return picture.width, picture.height
    return picture.height, picture.width


def _decoded(path: Path, tally: Tally, start_s: float) -> Iterator[VideoFrame | None]:
    """Frames as they come; None stands for an error between them."""
    if start_s > SEEK_MARGIN_S:
        try:
            yield from _read(path, tally, start_s)
        except _TooLateError:
            tally.notes.clear()
        else:
            return
    yield from _read(path, tally, 0.0)


class _TooLateError(Exception):
    """A file was searched for a time, and what can be decoded from there on comes after it."""


def _read(path: Path, tally: Tally, start_s: float) -> Iterator[VideoFrame | None]:
    with opened(path) as (container, stream):
        times = _DecodingTimes(container)
        n_packets = n_bytes = 0
        moved = time.monotonic()
        latest = _seek(container, start_s)
        try:
            size = path.stat().st_size
            for packet in container.demux(stream):
                n_packets, n_bytes = n_packets + 1, n_bytes + packet.size
                if n_packets > size + 1 or n_bytes > 4 * size + (1 << 20):
                    tally.note("it repeats itself without end")
                    return
                times.expect(packet)
                try:
                    for frame in packet.decode():
                        moved = time.monotonic()
                        times.give(frame)
                        if latest is not None and not _is_in_time(frame, latest):
                            raise _TooLateError
                        latest = None
                        yield frame
                        moved = time.monotonic()
                except DECODE_ERRORS:
                    times.forget(packet)
                    if latest is None:
                        yield None
                if time.monotonic() - moved > IDLE_S:
                    tally.note(f"nothing was decoded for {IDLE_S:.0f} s")
                    return
        except DECODE_ERRORS as error:
            tally.note(f"reading stopped: {reason_of(error)}")
        if latest is not None:
            raise _TooLateError


def _seek(container: InputContainer, start_s: float) -> float | None:
    """Go to a key frame well before a time, and return that time by the file's own clock.

    None where there is nothing to search for.

    Raises:
        _TooLateError: the file cannot be searched.
    """
    wanted = start_s - SEEK_MARGIN_S
    if wanted <= 0 or container.start_time is None:
        return None
    try:
        container.seek(container.start_time + int(wanted * av.time_base))
    except DECODE_ERRORS as error:
        raise _TooLateError from error
    return container.start_time / av.time_base + start_s


def _is_in_time(frame: VideoFrame, latest: float) -> bool:
    """Whether a first frame comes by a time, and needs none of those before it."""
    return frame.pts is not None and frame.time <= latest and frame.key_frame


class _DecodingTimes:
    """Gives frames their times where packets have those of decoding only: the earliest left."""

    def __init__(self, container: InputContainer) -> None:
        self._needed = container.format.name in WITHOUT_TIMESTAMPS
        self._pending: list[int] = []

    def expect(self, packet: "Packet[VideoStream]") -> None:
        """Remember the time of a packet that a frame will come of."""
        if self._needed and packet.size and packet.dts is not None:
            heapq.heappush(self._pending, packet.dts)

    def forget(self, packet: "Packet[VideoStream]") -> None:
        """No frame comes of a packet: its time is nobody's, and no later frame moves up."""
        if packet.dts in self._pending:
            self._pending.remove(packet.dts)
            heapq.heapify(self._pending)

    def give(self, frame: VideoFrame) -> None:
        """Set the time of a frame."""
        if self._needed:
            frame.pts = heapq.heappop(self._pending) if self._pending else None
