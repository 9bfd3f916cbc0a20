"""Raw frames for other programs, as yuv4mpeg: to the standard output or into a file."""

from fractions import Fraction
from typing import BinaryIO

import av
from av import VideoFrame

from vsr_upscale.output.encoders import Encoding
from vsr_upscale.output.painting import Tags
from vsr_upscale.source import Film


class PipeWriter:
    """Writes frames as they come; a pipe has one frame rate, no sound and no tags.

    Args:
        file: where they go; not closed here.
        film: what is enlarged.
        encoding: the frames' size and pixel format.
    """

    patience_s = 1.0

    def __init__(self, file: BinaryIO, film: Film, encoding: Encoding) -> None:
        self._file = file
        self.done, self.size = 0, 0
        self.notes: list[str] = []
        options = {"strict": "-1"}  # deeper frames are an extension of the format
        self._container = av.open(file, "w", format="yuv4mpegpipe", options=options)
        self._stream = self._container.add_stream("wrapped_avframe", rate=film.rate)
        stream = self._stream
        stream.height, stream.width = encoding.height, encoding.width
        stream.pix_fmt = encoding.pixel_format
        aspect = film.sample_aspect_ratio or Fraction(1)
        stream.codec_context.sample_aspect_ratio = 1 / aspect if encoding.turns % 2 else aspect
        Tags.of(film, encoding.pixel_format).put_on(stream.codec_context)
        self._film = film
        self._number = 0
        self._first: Fraction | None = None
        self._drift = Fraction(0)

    def write(self, frame: VideoFrame, pts: int, duration: int) -> None:  # noqa: ARG002 - of one rate
        """Write a frame.

        Raises:
            OSError: if whoever reads has gone, or the disk refuses.
        """
        frame.pts, frame.time_base = self._number, 1 / self._film.rate
        exact = Fraction(pts) * self._film.time_base * self._film.rate
        self._first = exact if self._first is None else self._first
        self._drift = max(self._drift, abs(exact - self._first - self._number))
        self._number += 1
        self._container.mux(self._stream.encode(frame))
        self.size += sum(plane.buffer_size for plane in frame.planes)

    def finish(self) -> None:
        """Write what waits, and say where one rate was not the film's."""
        if self._drift > 1:
            self.notes.append(
                f"raw frames have one rate, {float(self._film.rate):.3f} a second here; the film's "
                f"are up to {float(self._drift / self._film.rate):.2f} s from it"
            )
        self._container.mux(self._stream.encode(None))
        self._container.close()
        self._file.flush()

    def stop(self) -> None:
        """What was written is written."""
