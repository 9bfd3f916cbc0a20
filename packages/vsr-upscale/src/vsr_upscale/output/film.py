"""A film written: segments while it is enlarged, joined at the end with all that was beside it."""

from typing import Final

from av import VideoFrame

from vsr_upscale.output.beside import Beside
from vsr_upscale.output.encoders import Encoding
from vsr_upscale.output.job import Job
from vsr_upscale.output.joining import join
from vsr_upscale.output.segments import SegmentWriter
from vsr_upscale.part import Part
from vsr_upscale.source import Film

SEGMENT: Final = 96
"""Frames of a segment: what a kill can cost, and how far apart key frames are at most."""


class FilmWriter:
    """Encodes frames into the segments of a job.

    Args:
        film: what is enlarged.
        part: which part of it is asked for.
        encoding: how to encode.
        beside: what the output holds of what is beside the film.
        job: where the segments lie, owned.
    """

    patience_s = None

    def __init__(
        self, film: Film, part: Part, encoding: Encoding, beside: Beside, job: Job
    ) -> None:
        self._film, self._part, self._encoding = film, part, encoding
        self._beside, self._job = beside, job
        self._segment: SegmentWriter | None = None
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

    def write(self, frame: VideoFrame, pts: int, duration: int) -> None:
        """Encode a frame.

        Raises:
            OSError: if the disk refuses.
        """
        if self._segment is None:
            path = self._job.path_of(len(self._job.segments))
            self._segment = SegmentWriter(path, self._film, self._encoding)
        self._segment.write(frame, pts, duration)
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
            self._job.segments,
            whole,
            film=self._film,
            part=self._part,
            encoding=self._encoding,
            beside=self._beside,
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
