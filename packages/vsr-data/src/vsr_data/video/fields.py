"""Frames that are made of two fields, seen at different times: found, and made into whole ones.

Two kinds: interlaced video, where all are, and telecined film, where two in five are.

Shape suffixes: H rows of a field, W columns.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, Final, Literal

import av
import numpy as np
from av import VideoFrame
from av.filter import Graph
from numpy.typing import NDArray

FieldOrder = Literal["tff", "bff"]
"""Whether the upper or the lower field comes first."""

Field = NDArray[np.float32]

Repeated = int | None
"""1 of an upper field, -1 of a lower one, 0 of neither; None where nothing moves."""

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

REPEATED: Final = 0.5
"""Most that a repeated field may change where the other one does, of how much that one does."""

LEAST_REPEATS: Final = 4
"""Repeated fields, where 3:2 pulldown has them, that tell of it."""

MOST_WRONG: Final = 0.5
"""Fields repeated elsewhere, or not there, that are borne, to one that is right."""

CYCLE: Final = 5
CHUNK: Final = 4 * CYCLE  # a film that was cut after it was telecined starts its cycle anew

NTSC: Final = Fraction(1001, 30_000)
"""Seconds of a frame: `decimate` asks for a rate, and gives times by it that nobody reads."""

LOWER_FIRST: Final = frozenset({3, 5})  # AV_FIELD_BB, AV_FIELD_BT


class FieldsSeen:
    """What frames of a film, looked at in order, show of being made of fields."""

    def __init__(self) -> None:
        self._before: tuple[Field, Field] | None = None
        self._misfits = np.zeros(3)
        self._flagged = self._looked_at = 0
        self._repeats: list[list[Repeated]] = [[]]

    def look_elsewhere(self) -> None:
        """The next frame to be looked at does not follow the last."""
        self._before = None
        self._repeats.append([])

    def look_at(self, picture: VideoFrame) -> None:
        """Look at the next frame, as decoded."""
        after = _fields(picture)
        before, self._before = self._before, after
        self._flagged += picture.interlaced_frame
        self._looked_at += 1
        if before is not None and before[0].shape == after[0].shape and len(after[0]) > 1:
            self._misfits += _misfits_of(before, after)
            self._repeats[-1].append(_repeated(before, after))

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

    def telecine(self) -> FieldOrder | None:
        """Which field comes first in frames of which two in five are of two moments of a film.

        Returns:
            None where they are not 3:2 pulldown.
        """
        patterns = [
            _pulldown(repeats[start : start + CHUNK])
            for repeats in self._repeats
            for start in range(0, len(repeats), CHUNK)
        ]
        right, wrong = np.sum([[0, 0], *patterns], axis=0)
        if max(abs(right), 1) < LEAST_REPEATS or wrong > abs(right) * MOST_WRONG:
            return None
        return "tff" if right > 0 else "bff"


def _misfits_of(before: tuple[Field, Field], after: tuple[Field, Field]) -> NDArray[Any]:
    """How badly fields fit where there is motion: of a frame, and of neighbours in either order."""
    (upper_0, lower_0), (upper_1, lower_1) = before, after
    moved_HW = np.abs(upper_1 - upper_0) + np.abs(lower_1 - lower_0) > MOVED
    if moved_HW.sum() < ENOUGH:
        return np.zeros(3)
    pairs = ((upper_1, lower_1), (upper_1, lower_0), (upper_0, lower_1))
    return np.array([_misfit(upper, lower, moved_HW) for upper, lower in pairs])


def _repeated(before: tuple[Field, Field], after: tuple[Field, Field]) -> Repeated:
    """Which of the fields is that of the frame before, where there is motion."""
    upper_HW, lower_HW = (np.abs(new - old) for old, new in zip(before, after, strict=True))
    moved_HW = upper_HW + lower_HW > MOVED
    if moved_HW.sum() < ENOUGH:
        return None
    upper, lower = float((upper_HW * moved_HW).sum()), float((lower_HW * moved_HW).sum())
    return (upper < REPEATED * lower) - (lower < REPEATED * upper)


def _pulldown(repeats: list[Repeated]) -> tuple[int, int]:
    """How many repeats are where the likeliest cycle has them, and how many are not, or lack.

    The former is less than 0 where the lower field comes first.
    """
    found = []
    for phase in range(CYCLE):
        for sign in (1, -1):
            due = {phase: sign, (phase + 2) % CYCLE: -sign}
            pairs = [(each, due.get(i % CYCLE, 0)) for i, each in enumerate(repeats)]
            right = sum(seen == wanted != 0 for seen, wanted in pairs)
            wrong = sum(seen is not None and seen != wanted for seen, wanted in pairs)
            found.append((right - wrong, sign * right, wrong))
    return max(found)[1:]


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
