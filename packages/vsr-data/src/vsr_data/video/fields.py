"""Frames that are made of two fields, seen at different times: found, and made into whole ones.

Two kinds: interlaced video, where all are, and telecined film, where two in five are.

Shape suffixes: H rows of a field, W columns.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from typing import Any, Final, Literal

import av
import numpy as np
from av import VideoFrame
from av.filter import Graph
from numpy.typing import NDArray

FieldOrder = Literal["tff", "bff"]
"""Whether the upper or the lower field comes first."""

Field = NDArray[np.float32]

Misfits = NDArray[np.float64]
"""Of a frame's own fields; of its upper and the lower before; of its lower and the upper before."""

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

FLAGGED: Final = (0.9, 0.3)
"""`UNEVEN` and `COMBED` of frames that are flagged as made of fields, where flags are heard."""

UNFLAGGED: Final = (0.77, 0.32)
"""The same of others: a test pattern that jumps has 0.80 and 0.51, and fields 0.75 and 0.39."""

PULLDOWN: Final = np.array([1.0, 1.0, 0.0, -1.0, -1.0])
"""How much better than its own a frame's field fits one of the frame before, frame by frame."""

CYCLE: Final = len(PULLDOWN)
CHUNK: Final = 4 * CYCLE  # a film that was cut after it was telecined starts its cycle anew

MOVING: Final = 10
"""Frames with motion that are needed to tell of 3:2 pulldown."""

LIKE_PULLDOWN: Final = 0.6
"""Least correlation with that pattern: 0.62 and more on what is telecined, mostly 0.9."""

STRONG: Final = 0.19
"""Least slope of log misfits on it: 0.22 and more on what is telecined, mostly 1."""

NTSC: Final = Fraction(1001, 30_000)
"""Seconds of a frame: `decimate` asks for a rate, and gives times by it that nobody reads."""

LOWER_FIRST: Final = frozenset({3, 5})  # AV_FIELD_BB, AV_FIELD_BT


class FieldsSeen:
    """What frames of a film, looked at in order, show of being made of fields."""

    def __init__(self) -> None:
        self._before: tuple[Field, Field] | None = None
        self._misfits: list[list[Misfits]] = [[]]
        self._flagged = self._looked_at = 0

    def look_elsewhere(self) -> None:
        """The next frame to be looked at does not follow the last."""
        self._before = None
        self._misfits.append([])

    def look_at(self, picture: VideoFrame) -> None:
        """Look at the next frame, as decoded."""
        after = _fields(picture)
        before, self._before = self._before, after
        self._flagged += picture.interlaced_frame
        self._looked_at += 1
        if before is not None and before[0].shape == after[0].shape and len(after[0]) > 1:
            self._misfits[-1].append(_misfits_of(before, after))

    @property
    def moving(self) -> int:
        """Frames so far that tell something, since much moved."""
        return sum(bool(misfits.all()) for misfits in chain.from_iterable(self._misfits))

    def order(self, flagged: int = 0, *, hear_flags: bool = False) -> FieldOrder | None:
        """Which field comes first, by the pixels, or by flags where nothing moves.

        Args:
            flagged: what the stream says of its fields, as AVFieldOrder numbers them.
            hear_flags: whether flagged frames need to show less, and others more.

        Returns:
            None of frames of one moment.
        """
        own, upper_first, lower_first = self._total()
        least, most = sorted((upper_first, lower_first))
        is_flagged = 2 * self._flagged > self._looked_at
        if not most:
            usual: FieldOrder = "bff" if flagged in LOWER_FIRST else "tff"
            return usual if is_flagged else None
        uneven, combed = UNEVEN, COMBED
        if hear_flags:
            uneven, combed = FLAGGED if is_flagged else UNFLAGGED
        if least > uneven * most or own < combed * least:
            return None
        return "tff" if upper_first < lower_first else "bff"

    def telecine(self) -> FieldOrder | None:
        """Which field comes first in frames of which two in five are of two moments of a film.

        Returns:
            None where they are not 3:2 pulldown.
        """
        _, upper_first, lower_first = self._total()
        chunks = [
            np.array(misfits[start : start + CHUNK])
            for misfits in self._misfits
            for start in range(0, len(misfits), CHUNK)
        ]
        moving = [chunk[(chunk > 0).all(axis=1)] for chunk in chunks]
        if sum(map(len, moving)) < MOVING:
            return None
        order: FieldOrder = "tff" if upper_first < lower_first else "bff"
        fits = np.array([_likeness(chunk, order) for chunk in chunks])
        product, of_pattern, of_misfits = fits.sum(axis=0)
        is_like = product > LIKE_PULLDOWN * np.sqrt(of_pattern * of_misfits)
        return order if is_like and product > STRONG * of_pattern else None

    def _total(self) -> tuple[float, float, float]:
        total = np.zeros(3)
        for misfits in chain.from_iterable(self._misfits):
            total += misfits
        own, upper_first, lower_first = map(float, total)
        return own, upper_first, lower_first


def _likeness(chunk: NDArray[Any], order: FieldOrder) -> tuple[float, float, float]:
    """Inner products of 3:2 pulldown's pattern, shifted as fits best, and what frames show."""
    moving = (chunk > 0).all(axis=1)
    if moving.sum() < CYCLE:
        return 0.0, 0.0, 0.0
    places, misfits = np.flatnonzero(moving), chunk[moving]
    shown = np.log(misfits[:, 0] / misfits[:, 1 if order == "tff" else 2])
    shown -= shown.mean()
    found = []
    for shift in range(CYCLE):
        pattern = PULLDOWN[(places + shift) % CYCLE]
        pattern = pattern - pattern.mean()
        found.append((float(pattern @ shown), float(pattern @ pattern), float(shown @ shown)))
    return max(found)


def _misfits_of(before: tuple[Field, Field], after: tuple[Field, Field]) -> Misfits:
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
