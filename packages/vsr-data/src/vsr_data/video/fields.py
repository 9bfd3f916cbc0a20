"""Frames that are made of two fields, seen at different times: found by their pixels.

Two kinds: interlaced video, where all are, and telecined film, where two in five are.

Shape suffixes: H rows of a field, W columns.
"""

from itertools import chain
from typing import Any, Final, Literal

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

FieldOrder = Literal["tff", "bff"]
"""Whether the upper or the lower field comes first."""

Field = NDArray[np.int16]
"""Luma, 0 to 255; 16 bits hold what is computed of four of them, in a third of float32's time."""

Misfits = NDArray[np.float64]
"""Of a frame's own fields; of its upper and the lower before; of its lower and the upper before.

Two rows: by pixels that changed by `MOVED`, and by those that did by `STIRRED`.
"""

UNEVEN: Final = 0.82
"""How well one way of weaving fields of neighbouring frames must fit, of how well the other does.

In frames of one moment both fit alike: 0.86 and more on seventeen clips, moving test patterns among
them, of which libav's `idet` takes four for fields. In fields the nearer ones fit better: at most
0.78 on sixteen clips, telecined ones among them.
"""

COMBED: Final = 0.4
"""How badly a frame's own fields must fit, of how badly those of neighbouring frames do."""

MOVED: Final = 12
"""Code values by which a pixel must change from frame to frame to tell anything."""

STIRRED: Final = 5
"""The same, to tell of pulldown, whose pattern shows in grain, too."""

ENOUGH: Final = 200
"""Such pixels below which a frame tells nothing."""

FLAGGED: Final = ((0.9, 0.3),)
"""`UNEVEN` and `COMBED` of frames that are flagged as made of fields, where flags are heard."""

UNFLAGGED: Final = ((0.77, 0.32), (0.86, 0.66))
"""The same of others, either pair: what is more combed needs to be less uneven.

A test pattern that jumps has 0.81 and 0.51, other whole frames 0.93 and more. Fields have 0.72 and
0.57, or 0.82 and 0.80.
"""

PULLDOWN: Final = np.array([1.0, 1.0, 0.0, -1.0, -1.0])
"""How much better than its own a frame's field fits one of the frame before, frame by frame."""

CYCLE: Final = len(PULLDOWN)
CHUNK: Final = 4 * CYCLE  # a film that was cut after it was telecined starts its cycle anew

MOVING: Final = 10
"""Frames with motion that are needed to tell of 3:2 pulldown."""

LIKE_PULLDOWN: Final = 0.91
"""Least correlation with that pattern, of each place of the cycle's median: telecined, 0.94."""

STRONG: Final = 0.19
"""Least slope of log misfits on it: 0.23 and more on what is telecined; on what is not, at most
0.14, but 0.36 where frames were woven that repeat one in five: those are 0.88 like the pattern.
"""

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
        return sum(bool(misfits[0].all()) for misfits in chain.from_iterable(self._misfits))

    def order(self, flagged: int = 0, *, hear_flags: bool = False) -> FieldOrder | None:
        """Which field comes first, by the pixels, or by flags where nothing moves.

        Args:
            flagged: what the stream says of its fields, as AVFieldOrder numbers them.
            hear_flags: whether flagged frames need to show less, and others more.

        Returns:
            None of frames of one moment.
        """
        own, upper_first, lower_first = self._total()[0]
        least, most = sorted((upper_first, lower_first))
        is_flagged = 2 * self._flagged > self._looked_at
        if not most:
            usual: FieldOrder = "bff" if flagged in LOWER_FIRST else "tff"
            return usual if is_flagged else None
        bounds: tuple[tuple[float, float], ...] = ((UNEVEN, COMBED),)
        if hear_flags:
            bounds = FLAGGED if is_flagged else UNFLAGGED
        if not any(least <= x * most and own >= y * least for x, y in bounds):
            return None
        return "tff" if upper_first < lower_first else "bff"

    def telecine(self) -> FieldOrder | None:
        """Which field comes first in frames of which two in five are of two moments of a film.

        Returns:
            None where they are not 3:2 pulldown.
        """
        _, upper_first, lower_first = self._total()[1]
        order: FieldOrder = "tff" if upper_first < lower_first else "bff"
        found = [
            _by_place(np.array(misfits[start : start + CHUNK])[:, 1], order)
            for misfits in self._misfits
            for start in range(0, len(misfits), CHUNK)
        ]
        places = np.concatenate([each[0] for each in found]) if found else np.empty(0)
        present = np.unique(places).astype(int)
        if len(places) < MOVING or len(present) < CYCLE - 1:
            return None
        shown = np.concatenate([each[1] for each in found])
        medians = np.array([np.median(shown[places == place]) for place in present])
        product, of_pattern, of_medians = _likeness(PULLDOWN[present], medians)
        is_like = product > LIKE_PULLDOWN * np.sqrt(of_pattern * of_medians)
        return order if is_like and product > STRONG * of_pattern else None

    def _total(self) -> Misfits:
        total = np.zeros((2, 3))
        for misfits in chain.from_iterable(self._misfits):
            total += misfits
        return total


def _by_place(chunk: NDArray[Any], order: FieldOrder) -> tuple[NDArray[Any], NDArray[Any]]:
    """Places of moving frames in 3:2 pulldown's cycle, as fits best, and what each frame shows."""
    moving = (chunk > 0).all(axis=1)
    if moving.sum() < CYCLE:
        return np.empty(0), np.empty(0)
    places, misfits = np.flatnonzero(moving), chunk[moving]
    shown = np.log(misfits[:, 0] / misfits[:, 1 if order == "tff" else 2])
    fits = [_likeness(PULLDOWN[(places + shift) % CYCLE], shown)[0] for shift in range(CYCLE)]
    return (places + int(np.argmax(fits))) % CYCLE, shown


def _likeness(pattern: NDArray[Any], shown: NDArray[Any]) -> tuple[float, float, float]:
    """Inner products of two rows of figures, less their means: with each other, and of each."""
    pattern, shown = pattern - pattern.mean(), shown - shown.mean()
    return float(pattern @ shown), float(pattern @ pattern), float(shown @ shown)


def _misfits_of(before: tuple[Field, Field], after: tuple[Field, Field]) -> Misfits:
    """How badly fields fit where there is motion: of a frame, and of neighbours in either order."""
    (upper_0, lower_0), (upper_1, lower_1) = before, after
    moved_HW = np.abs(upper_1 - upper_0)
    moved_HW += np.abs(lower_1 - lower_0)
    found = np.zeros((2, 3))
    where = [each for each in (moved_HW > STIRRED, moved_HW > MOVED) if np.sum(each) >= ENOUGH]
    if not where:
        return found
    for pair, fields in enumerate(((upper_1, lower_1), (upper_1, lower_0), (upper_0, lower_1))):
        misfit = _misfit(*fields)
        for row, each in enumerate(where):
            found[1 - row, pair] = np.sum(misfit * each[:-1], dtype=np.int64)
    return found


def _misfit(upper_HW: Field, lower_HW: Field) -> Field:
    """How far each row is from the mean of the rows above and below it, which are the other's."""
    of_lower = 2 * lower_HW[:-1]
    of_lower -= upper_HW[:-1]
    of_lower -= upper_HW[1:]
    of_upper = 2 * upper_HW[1:]
    of_upper -= lower_HW[:-1]
    of_upper -= lower_HW[1:]
    return np.abs(of_lower) + np.abs(of_upper)


def _fields(picture: VideoFrame) -> tuple[Field, Field]:
    luma = picture.to_ndarray(format="gray").astype(np.int16)
    even = luma[: len(luma) // 2 * 2]
    return even[::2], even[1::2]
