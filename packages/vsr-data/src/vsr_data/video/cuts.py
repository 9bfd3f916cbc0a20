"""Where a film cuts from one scene to the next: libav's own detector, frame by frame.

`scdet` compares how much a frame differs from the one before with how much that one did, so that
neither fast motion nor a steady fade counts as a cut.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Final

import av
from av import VideoFrame
from av.filter import Graph

from vsr_data.video.decoding import Frame

THRESHOLD: Final = 10.0
"""`scdet`'s score of a cut, in percent of the largest change; its own default."""

WIDTH: Final = 160
"""Columns that frames are reduced to before they are compared: grain is not a change."""


class CutDetector:
    """Tells of each frame of a film, in order, whether a new scene starts with it."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._shape: tuple[int, int, str] | None = None

    def is_cut(self, picture: VideoFrame) -> bool:
        """Whether a new scene starts with this frame, the next one of the film.

        The first one and the first one of another size or pixel format start one.

        Args:
            picture: the frame; it is not changed.
        """
        shape = (picture.height, picture.width, picture.format.name)
        starts = self._shape != shape
        if self._graph is None or starts:
            self._graph, self._shape = _graph(picture), shape
        self._graph.vpush(picture)
        score = float(self._graph.vpull().metadata["lavfi.scd.score"])
        return starts or score >= THRESHOLD


def with_cuts(frames: Iterable[Frame]) -> Iterator[tuple[Frame, bool]]:
    """Tell of each frame whether a new scene starts with it; the first one starts one.

    Args:
        frames: of one film, in order.
    """
    detector = CutDetector()
    for frame in frames:
        yield frame, detector.is_cut(frame.picture)


def _graph(picture: VideoFrame) -> Graph:
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=picture.width,
        height=picture.height,
        format=picture.format,
        time_base=picture.time_base or Fraction(1, av.time_base),
    )
    height = f"max(2,2*trunc(ih*min(1,{WIDTH}/iw)/2))"
    steps = {
        "scale": f"w='min(iw,{WIDTH})':h='{height}':flags=area",
        "format": "yuv420p",
        "scdet": "t=0",
    }
    filters = [graph.add(name, options) for name, options in steps.items()]
    graph.link_nodes(source, *filters, graph.add("buffersink"))
    graph.configure()
    return graph
