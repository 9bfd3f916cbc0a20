"""Frames that are made of two fields, made into whole ones by libav's filters."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Final

import av
from av import VideoFrame
from av.filter import Graph

from vsr_data.video.fields import FieldOrder

NTSC: Final = Fraction(1001, 30_000)
"""Seconds of a frame: `decimate` asks for a rate, and gives times by it that nobody reads."""


def deinterlaced(pictures: Iterable[VideoFrame], order: FieldOrder) -> Iterator[VideoFrame]:
    """Make each frame whole from its earlier field, by libav's bwdif; as many as there were.

    Args:
        pictures: frames of one size and pixel format, as decoded.
        order: of their fields.

    Yields:
        Progressive frames with the times of those they were made of.
    """
    filters: FieldFilter | None = None
    for picture in pictures:
        if filters is None:
            filters = FieldFilter(picture, order)
        yield from filters.push(picture)
    if filters is not None:
        yield from filters.push(None)


class FieldFilter:
    """libav's filters that make whole frames of fields: bwdif, or what undoes 3:2 pulldown.

    A frame that comes out has the `dts` of the one that it stands for, so that a caller who numbers
    frames by it knows which were dropped: `decimate` gives them new times.

    Args:
        picture: the first frame; all must have its size and pixel format.
        order: of the fields.
        telecined: whether four frames in five are film: fields are put together again, what stays
            combed is deinterlaced, and the repeated frame of each five is dropped.
    """

    def __init__(self, picture: VideoFrame, order: FieldOrder, *, telecined: bool = False) -> None:
        self._graph = Graph()
        source = self._graph.add(
            "buffer",
            f"video_size={picture.width}x{picture.height}:pix_fmt={picture.format.name}:"
            f"time_base={picture.time_base or NTSC}:frame_rate={1 / NTSC}",
        )
        steps = [("bwdif", f"mode=send_frame:parity={order}:deint=all")]
        if telecined:
            steps = [
                ("fieldmatch", f"order={order}:combmatch=full"),
                ("bwdif", f"mode=send_frame:parity={order}:deint=interlaced"),
                ("decimate", ""),
            ]
        filters = [self._graph.add(name, options) for name, options in steps]
        self._graph.link_nodes(source, *filters, self._graph.add("buffersink"))
        self._graph.configure()

    def push(self, picture: VideoFrame | None) -> Iterator[VideoFrame]:
        """Give the next frame, None after the last, and yield those that are ready."""
        self._graph.vpush(picture)
        while True:
            try:
                whole = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            yield whole
