"""Frames that are made of two fields, seen at different times: found, and made into whole ones.

Shape suffixes: H rows of a field, W columns.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

import av
import numpy as np
from av import VideoFrame
from av.filter import Graph
from numpy.typing import NDArray

FieldOrder = Literal["tff", "bff"]
"""Whether the upper or the lower field comes first."""

Field = NDArray[np.float32]

UNEVEN: Final = 0.82
"""How well one way of weaving fields of neighbouring frames must fit, of how well the other does.

In frames of one moment both fit alike: 0.86 and more on seventeen clips, moving test patterns among
them, of which libav's `idet` takes four for fields. In fields the nearer ones fit better: at most
0.78 on sixteen clips, telecined ones among them.
"""

COMBED: Final = 0.4
"""How badly a frame's own fields must fit, of how badly those of neighbouring frames do."""

MOVED: Final = 12.0
"""Code values by which a pixel must change from frame to frame to tell anything."""

ENOUGH: Final = 200
"""Such pixels below which a frame tells nothing."""

LOWER_FIRST: Final = frozenset({3, 5})  # AV_FIELD_BB, AV_FIELD_BT


class FieldsSeen:
    """What frames of a film, looked at in order, show of being made of fields."""

    def __init__(self) -> None:
        self._before: tuple[Field, Field] | None = None
        self._misfits = np.zeros(3)
        self._flagged = self._looked_at = 0

    def look_at(self, picture: VideoFrame) -> None:
        """Look at the next frame, as decoded."""
        after = _fields(picture)
        before, self._before = self._before, after
        self._flagged += picture.interlaced_frame
        self._looked_at += 1
        if before is not None and before[0].shape == after[0].shape and len(after[0]) > 1:
            self._misfits += _misfits_of(before, after)

    def order(self, flagged: int = 0) -> FieldOrder | None:
        """Which field comes first, by the pixels, or by flags where nothing moves.

        Args:
            flagged: what the stream says of its fields, as AVFieldOrder numbers them.

        Returns:
            None of frames of one moment.
        """
        own, upper_first, lower_first = map(float, self._misfits)
        least, most = sorted((upper_first, lower_first))
        if not most:
            usual: FieldOrder = "bff" if flagged in LOWER_FIRST else "tff"
            return usual if 2 * self._flagged > self._looked_at else None
        if least > UNEVEN * most or own < COMBED * least:
            return None
        return "tff" if upper_first < lower_first else "bff"


def _misfits_of(before: tuple[Field, Field], after: tuple[Field, Field]) -> NDArray[Any]:
    """How badly fields fit where there is motion: of a frame, and of neighbours in either order."""
    (upper_0, lower_0), (upper_1, lower_1) = before, after
    moved_HW = np.abs(upper_1 - upper_0) + np.abs(lower_1 - lower_0) > MOVED
    if moved_HW.sum() < ENOUGH:
        return np.zeros(3)
    pairs = ((upper_1, lower_1), (upper_1, lower_0), (upper_0, lower_1))
    return np.array([_misfit(upper, lower, moved_HW) for upper, lower in pairs])


def _misfit(upper_HW: Field, lower_HW: Field, where_HW: NDArray[np.bool_]) -> float:
    """How far each row is from the mean of the rows above and below it, which are the other's."""
    of_lower = np.abs(2 * lower_HW[:-1] - upper_HW[:-1] - upper_HW[1:])
    of_upper = np.abs(2 * upper_HW[1:] - lower_HW[:-1] - lower_HW[1:])
    return float(((of_lower + of_upper) * where_HW[:-1]).sum())


def _fields(picture: VideoFrame) -> tuple[Field, Field]:
    luma = picture.to_ndarray(format="gray").astype(np.float32)
    even = luma[: len(luma) // 2 * 2]
    return even[::2], even[1::2]


def deinterlaced(pictures: Iterable[VideoFrame], order: FieldOrder) -> Iterator[VideoFrame]:
    """Make each frame whole from its earlier field, by libav's bwdif; as many as there were.

    Args:
        pictures: frames of one size and pixel format, as decoded.
        order: of their fields.

    Yields:
        Progressive frames with the times of those they were made of.
    """
    graph: Graph | None = None
    for picture in pictures:
        if graph is None:
            graph = _graph(picture, order)
        graph.vpush(picture)
        yield from _ready(graph)
    if graph is not None:
        graph.vpush(None)
        yield from _ready(graph)


def _graph(picture: VideoFrame, order: FieldOrder) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=picture.width,
        height=picture.height,
        format=picture.format,
        time_base=picture.time_base,
    )
    whole = graph.add("bwdif", f"mode=send_frame:parity={order}:deint=all")
    graph.link_nodes(source, whole, graph.add("buffersink"))
    graph.configure()
    return graph


def _ready(graph: Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            picture = graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        yield picture
