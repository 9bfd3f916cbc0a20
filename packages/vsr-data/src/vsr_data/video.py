"""A video file in, runs of undamaged frames out, into the cache.

A run ends at a frame of another size, at a decode error, at a frame that the decoder marks as
damaged and where time goes backwards; after damage the next one starts at a key frame, because
damage lasts until then. No file can hang or flood this: frame sizes, packets and idle time are
bounded. libav's own log is switched off; what matters of it is said here.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
from av import VideoFrame
from av.container import InputContainer
from av.video.stream import VideoStream

from vsr_data.colour import rgb_from_frame
from vsr_data.degradation import Degradation, degrade
from vsr_data.errors import UnusableFileError
from vsr_data.request import SMALLEST_PATCH
from vsr_data.store import EntryWriter

MAX_PIXELS: Final = 7680 * 4352  # 8K, in whole macroblocks
IDLE_S: Final = 60.0
OPEN_S: Final = 30.0
WITHOUT_TIMESTAMPS: Final = frozenset({"avi"})  # libav fills in decoding order, not frame times

# FFmpegError is what libav reports; PyAV adds the others for what it cannot represent.
DECODE_ERRORS: Final = (av.error.FFmpegError, OSError, ValueError, ArithmeticError, MemoryError)


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
class Header:
    """What a file claims about itself, before anything is decoded."""

    height: int
    width: int
    frames: int | None


def read_header(path: Path) -> Header:
    """Open a video and close it again.

    Raises:
        UnusableFileError: it is no video, or its frames are absurdly large.
    """
    with _opened(path) as (container, stream):
        context = stream.codec_context
        frames = stream.frames or None
        if frames is None and stream.average_rate:
            seconds = _seconds(container, stream)
            frames = None if seconds is None else int(seconds * float(stream.average_rate)) + 1
        return Header(context.height, context.width, frames)


def count_packets(path: Path) -> int:
    """How many frames a video can have at most: reads all of it, but decodes nothing.

    Raises:
        UnusableFileError: it is no video.
    """
    n_packets = 0
    with _opened(path) as (container, stream):
        most = path.stat().st_size
        try:
            for packet in container.demux(stream):
                n_packets += packet.size > 0
                if n_packets > most:
                    break
        except DECODE_ERRORS:
            pass  # decoding stops here too
    return n_packets


def decode_into(
    writer: EntryWriter, path: Path, frames: FrameRange, scale: int, degradation: Degradation
) -> None:
    """Decode a video, once, from its start; sides are cropped to multiples of `scale`.

    Raises:
        UnusableFileError: it is no video, or its frames are absurdly large.
        CacheFullError: its frames exceed the budget.
    """
    census = writer.census
    for number, frame in _undamaged_frames(path, frames, writer):
        if min(frame.height, frame.width) // scale < SMALLEST_PATCH:
            writer.end_run()
            _note(census.notes, f"frames of {frame.width}×{frame.height} are too small to use")
            continue
        try:
            rgb_HWC = rgb_from_frame(frame)
        except DECODE_ERRORS as error:
            writer.end_run()
            _note(census.notes, f"{frame.format.name} frames cannot be used: {_reason(error)}")
            continue
        height, width = (side - side % scale for side in rgb_HWC.shape[:2])
        gt_HWC = rgb_HWC[:height, :width].copy()
        writer.append(number, gt_HWC, degrade(gt_HWC, scale, degradation))
    writer.end_run()


def _undamaged_frames(
    path: Path, frames: FrameRange, writer: EntryWriter
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames in the range that can be used, with their numbers; ends the writer's runs between."""
    census = writer.census
    needs_key_frame = False
    latest: int | None = None
    for frame in _decoded(path, census.notes):
        if frame is None or frame.is_corrupt:
            census.damaged += 1
            writer.end_run()
            needs_key_frame = True
        if frame is None:
            continue
        number = census.decoded
        if frames.stop is not None and number >= frames.stop:
            return
        census.decoded += 1
        if frame.pts is not None:
            if latest is not None and frame.pts < latest:
                writer.end_run()
            latest = frame.pts
        if frame.is_corrupt or (needs_key_frame and not frame.key_frame):
            continue
        needs_key_frame = False
        if number >= frames.first:
            yield number, frame


def _decoded(path: Path, notes: list[str]) -> Iterator[VideoFrame | None]:
    """Frames as they come; None stands for an error between them."""
    with _opened(path) as (container, stream):
        has_times = container.format.name not in WITHOUT_TIMESTAMPS
        n_packets = n_bytes = 0
        moved = time.monotonic()
        try:
            size = path.stat().st_size
            for packet in container.demux(stream):
                n_packets, n_bytes = n_packets + 1, n_bytes + packet.size
                if n_packets > size + 1 or n_bytes > 4 * size + (1 << 20):
                    _note(notes, "it repeats itself without end")
                    return
                try:
                    for frame in packet.decode():
                        moved = time.monotonic()
                        if not has_times:
                            frame.pts = None
                        yield frame
                        moved = time.monotonic()
                except DECODE_ERRORS:
                    yield None
                if time.monotonic() - moved > IDLE_S:
                    _note(notes, f"nothing was decoded for {IDLE_S:.0f} s")
                    return
        except DECODE_ERRORS as error:
            _note(notes, f"reading stopped: {_reason(error)}")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    av.logging.set_level(None)
    try:
        container = av.open(
            str(path),
            metadata_errors="ignore",
            timeout=OPEN_S,
            options={"protocol_whitelist": "file"},  # a playlist must not reach into the network
        )
    except DECODE_ERRORS as error:
        raise UnusableFileError(f"not a readable video: {_reason(error)}") from error
    with container:
        stream = container.streams.best("video")
        if not isinstance(stream, VideoStream):
            raise UnusableFileError("it has no video stream")
        context = stream.codec_context
        if context.width * context.height > MAX_PIXELS:
            raise UnusableFileError(
                f"its header says {context.width}×{context.height}; "
                f"at most {MAX_PIXELS / 1e6:.0f} megapixels (8K) can be used"
            )
        context.options = {"max_pixels": str(MAX_PIXELS)}
        stream.thread_type = "SLICE"  # frame threads mark other frames as damaged on every run
        yield container, stream


def _seconds(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / av.time_base


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text)[:1].lower() + str(text)[1:120]


def _note(notes: list[str], note: str) -> None:
    if note not in notes and len(notes) < 4:
        notes.append(note)
