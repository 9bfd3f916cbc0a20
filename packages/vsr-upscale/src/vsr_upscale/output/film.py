"""A film written: segments while it is enlarged, joined at the end with all that was beside it."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Final

import av
from av import VideoFrame
from av.container import OutputContainer
from av.video.stream import VideoStream

from vsr_files import replacing
from vsr_upscale.errors import UpscaleError
from vsr_upscale.output.encoders import Encoding, holds
from vsr_upscale.output.job import Job
from vsr_upscale.output.joining import join
from vsr_upscale.output.painting import Tags, is_rgb
from vsr_upscale.source import Film

SEGMENT: Final = 96
"""Frames of a segment: what a kill can cost, and how far apart key frames are at most."""


KINDS: Final = ("nut", "matroska", "mov")
"""Formats of segments: the first that holds what the encoder makes."""


class FilmWriter:
    """Encodes frames into the segments of a job.

    Args:
        film: what is enlarged.
        encoding: how to encode.
        job: where the segments lie, owned.
        container: libav's name of the output's.
        start: seconds into the film at which the output begins.
        duration: seconds of the film that are asked for, or None.
    """

    def __init__(
        self,
        film: Film,
        encoding: Encoding,
        job: Job,
        container: str,
        *,
        start: float = 0.0,
        duration: float | None = None,
    ) -> None:
        self._film, self._encoding, self._job = film, encoding, job
        self._container, self._start, self._duration = container, start, duration
        self._segment: _SegmentWriter | None = None
        self._whole: int | None = None
        self.notes: list[str] = []

    @property
    def done(self) -> int:
        """Frames that are written for good."""
        return self._job.frames

    @property
    def size(self) -> int:
        """Bytes that are written for good."""
        return self._job.size if self._whole is None else self._whole

    def write(self, frame: VideoFrame, duration: int) -> None:
        """Encode a frame.

        Raises:
            OSError: if the disk refuses.
        """
        if self._segment is None:
            path = self._job.path_of(len(self._job.segments))
            self._segment = _SegmentWriter(path, self._film, self._encoding)
        self._segment.write(frame, duration)
        if len(self._segment.times) == SEGMENT:
            self._close_segment()

    def finish(self) -> None:
        """Join the segments, with what was beside them in the film, and give it its name.

        Raises:
            OSError: if the disk refuses.
        """
        self._close_segment()
        whole = self._job.folder / "whole"
        self.notes += join(
            self._film,
            self._job.segments,
            whole,
            self._container,
            start=self._start,
            duration=self._duration,
        )
        self._whole = whole.stat().st_size
        self._job.finish(whole)

    def stop(self) -> None:
        """Give the segment up that is being written."""
        if self._segment is not None:
            self._segment.abandon()
            self._segment = None

    def _close_segment(self) -> None:
        segment, self._segment = self._segment, None
        if segment is not None:
            segment.close()
            self._job.add(segment.path, segment.shown(), segment.duration)


class _SegmentWriter:
    """Encodes one segment into a file that is whole or not there."""

    def __init__(self, path: Path, film: Film, encoding: Encoding) -> None:
        self.path, self.times, self.duration = path, list[int](), 0
        self._order: list[int] = []
        self._replacing = replacing(path)
        file = self._replacing.__enter__()
        try:
            self._container, self._stream = _open(file, film, encoding)
        except BaseException as error:
            self._replacing.__exit__(type(error), error, error.__traceback__)
            raise

    def write(self, frame: VideoFrame, duration: int) -> None:
        """Encode a frame."""
        assert frame.pts is not None  # noqa: S101 - our own painter set it
        self.times.append(frame.pts)
        self.duration = duration
        self._guarded(lambda: self._encode(frame))

    def shown(self) -> list[int]:
        """When the frame of each packet is shown, in the packets' order."""
        rank = {pts: place for place, pts in enumerate(sorted(self._order))}
        return [self.times[rank[pts]] for pts in self._order]

    def close(self) -> None:
        """Encode what waits, and put the file on the disk."""
        self._guarded(lambda: self._encode(None))
        self._guarded(self._container.close)
        self._replacing.__exit__(None, None, None)

    def abandon(self) -> None:
        """Remove what there is of it."""
        error = KeyboardInterrupt()
        try:
            self._container.close()
        except (av.error.FFmpegError, OSError):
            pass  # it is given up in any case
        finally:
            self._leave(error)

    def _encode(self, frame: VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            self._order.append(-1 if packet.pts is None else packet.pts)
            self._container.mux(packet)
        if frame is None and sorted(set(self._order)) != sorted(self._order):
            raise UpscaleError("the encoder gives frames without times; choose another --encoder")
        if frame is None and len(self._order) != len(self.times):
            raise UpscaleError(
                f"the encoder gave {len(self._order)} packets for {len(self.times)} frames; choose "
                "another --encoder"
            )

    def _guarded(self, act: Callable[[], object]) -> None:
        try:
            act()
        except BaseException as error:
            self._leave(error)
            raise

    def _leave(self, error: BaseException) -> None:
        try:
            self._replacing.__exit__(type(error), error, error.__traceback__)
        except BaseException as same:
            if same is not error:
                raise


def _open(file: BinaryIO, film: Film, encoding: Encoding) -> tuple[OutputContainer, VideoStream]:
    kind = next(each for each in KINDS if holds(each, encoding.encoder))
    container = av.open(file, "w", format=kind)
    rate = film.rate.limit_denominator(60_000)
    stream = container.add_stream(encoding.encoder, rate=rate, options=dict(encoding.options))
    assert isinstance(stream, VideoStream)  # noqa: S101 - the encoding is of video
    stream.height, stream.width, stream.pix_fmt = (
        encoding.height,
        encoding.width,
        encoding.pixel_format,
    )
    context = stream.codec_context
    context.time_base = stream.time_base = Fraction(film.time_base)
    context.sample_aspect_ratio = film.sample_aspect_ratio or Fraction(1)
    if not is_rgb(encoding.pixel_format):
        Tags.of(film).put_on(context)
    return container, stream
