"""One segment of a film encoded into a file that is whole or not there."""

from collections.abc import Callable
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

import av
from av import VideoFrame
from av.container import OutputContainer
from av.video.stream import VideoStream

from vsr_files import replacing
from vsr_upscale.errors import UpscaleError
from vsr_upscale.output.encoders import Encoding
from vsr_upscale.output.painting import Tags
from vsr_upscale.source import Film

KINDS: Final = ("nut", "matroska", "mov")
"""Formats of segments: the first that holds what the encoder makes."""


class SegmentWriter:
    """Encodes one segment.

    Attributes:
        path: of its file.
        times: when its frames are shown, in ticks of the film's time base.
        duration: ticks that the last one is shown for, where none follows.
    """

    def __init__(self, path: Path, film: Film, encoding: Encoding) -> None:
        self.path, self.times, self.duration = path, list[int](), 0
        self._order: list[int] = []
        self._replacing = replacing(path)
        file = self._replacing.__enter__()
        try:
            self._container, self._stream = open_segment(file, film, encoding)
        except BaseException as error:
            self._leave(error)
            raise

    def write(self, frame: VideoFrame, pts: int, duration: int) -> None:
        """Encode a frame that is shown at `pts`."""
        self.times.append(pts)
        self.duration = duration
        self._guarded(lambda: self._encode(frame))

    def shown(self) -> list[int]:
        """When the frame of each packet is shown, in the packets' order."""
        rank = {pts: place for place, pts in enumerate(sorted(self._order))}
        return [self.times[rank[pts]] for pts in self._order]

    def close(self) -> None:
        """Encode what waits, and put the file on the disk.

        Raises:
            UpscaleError: if the encoder lost frames or their times.
            OSError: if the disk refuses.
        """
        self._guarded(self._finish)
        self._replacing.__exit__(None, None, None)

    def abandon(self) -> None:
        """Remove what there is of it."""
        try:
            self._container.close()
        except (av.error.FFmpegError, OSError):
            pass  # it is given up in any case
        finally:
            self._leave(KeyboardInterrupt())

    def _finish(self) -> None:
        self._encode(None)
        self._container.close()
        if len(set(self._order)) != len(self.times):
            raise UpscaleError(
                f"the encoder gave {len(set(self._order))} packets with times of their own for "
                f"{len(self.times)} frames; choose another --encoder"
            )

    def _encode(self, frame: VideoFrame | None) -> None:
        mux_numbered(self._container, self._stream.encode(frame), self._order)

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


def mux_numbered(container: OutputContainer, packets: list[Any], order: list[int]) -> None:
    """Write packets with their number for a time, and note when their frames are shown.

    An encoder's decoding times are not to be trusted: x265's of a single frame are whatever was in
    memory.
    """
    for packet in packets:
        order.append(-1 if packet.pts is None else packet.pts)
        packet.pts = packet.dts = len(order) - 1
        container.mux(packet)


def open_segment(
    file: BinaryIO | Any, film: Film, encoding: Encoding
) -> tuple[OutputContainer, VideoStream]:
    """Open an encoder and a file for what it makes."""
    kind = next(each for each in KINDS if _holds(each, encoding.encoder))
    container = av.open(file, "w", format=kind)
    rate = film.rate.limit_denominator(60_000)
    stream = container.add_stream(encoding.encoder, rate=rate, options=dict(encoding.options))
    assert isinstance(stream, VideoStream)  # noqa: S101 - the encoding is of video
    stream.height, stream.width = encoding.height, encoding.width
    stream.pix_fmt = encoding.pixel_format
    context = stream.codec_context
    context.time_base = stream.time_base = Fraction(film.time_base)
    aspect = film.sample_aspect_ratio or Fraction(1)
    context.sample_aspect_ratio = 1 / aspect if encoding.turns % 2 else aspect
    Tags.of(film, encoding.pixel_format).put_on(context)
    return container, stream


def _holds(container: str, encoder: str) -> bool:
    with av.open(BytesIO(), "w", format=container) as trial:
        try:
            trial.add_stream(encoder, rate=25)
        except ValueError:
            return False
    return True
