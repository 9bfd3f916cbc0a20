"""Black bars around a film's picture.

A bar is a stretch of rows from the border that is near black and even throughout the film, next to
rows of picture. What tells it from the dark part of a scene is its edge: straight, and sharp in
most columns at once. Codecs ring at that edge, and subtitles may stand in a bar for a while.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vsr_data.measures.luma import Luma

SAMPLES: Final = 96
"""Columns, about, that rows are judged by, and rows that columns are."""

MOST_FRAMES: Final = 48
"""Frames that are remembered at once, evenly spaced over the film."""

DARKEST: Final = 40.0
"""Level that a bar has at most: black by any range or tint."""

LIT: Final = 12.0
"""Levels over a bar from which a pixel is picture."""

OFTEN: Final = 0.1
"""Share of frames that a pixel must be lit in: subtitles are there for less."""

FEW: Final = 0.05
"""Share of a line that may be lit often within a bar: a station's logo."""

MOST: Final = 0.6
"""Share of a line that is lit often where the picture begins."""

EDGE: Final = 6
"""Lines that the edge of a bar may take, ringing included."""

UNEVEN: Final = 8.0
"""Levels that nearly all of a bar may differ by, from place to place and in the course of the film;
the dark part of a scene has noise at least."""

THINNEST: Final = 2  # lines of a bar
LARGEST: Final = 0.45  # of a side, on either side


class Bars(NamedTuple):
    """Rows and columns of a frame that show nothing, in pixels."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


class BarsFinder:
    """Gathers what frames of one size show near their borders; those of other sizes are ignored."""

    def __init__(self) -> None:
        self._rows: _Lines | None = None
        self._columns: _Lines | None = None

    def add(self, luma_HW: Luma) -> None:
        """Take up a frame at full size."""
        height, width = luma_HW.shape
        if self._rows is None or self._columns is None:
            self._rows = _Lines(height, max(1, width // SAMPLES))
            self._columns = _Lines(width, max(1, height // SAMPLES))
        if (self._rows.count, self._columns.count) == (height, width):
            self._rows.add(luma_HW)
            self._columns.add(luma_HW.T)

    def bars(self) -> Bars:
        """The bars of all frames together; none where they are not sure."""
        if self._rows is None or self._columns is None:
            return Bars()
        left, right = self._columns.bars(slice(None))
        columns = slice(left, self._columns.count - right)
        top, bottom = self._rows.bars(self._rows.within(columns))
        rows = slice(top, self._rows.count - bottom)
        left, right = self._columns.bars(self._columns.within(rows))  # without what is above
        return Bars(top, bottom, left, right)


class _Lines:
    """What the rows of frames show, or of transposed ones the columns.

    Args:
        count: how many rows there are.
        stride: of so many columns one is looked at.
    """

    def __init__(self, count: int, stride: int) -> None:
        self.count = count
        self._stride = stride
        self._seen = 0
        self._every = 1
        self._frames: list[Luma] = []

    def add(self, luma_HW: Luma) -> None:
        """Take up a frame; later, more and more sparsely."""
        if self._seen % self._every == 0:
            self._frames.append(luma_HW[:, self._stride // 2 :: self._stride].copy())
        self._seen += 1
        if len(self._frames) > MOST_FRAMES:
            self._frames, self._every = self._frames[::2], 2 * self._every

    def within(self, columns: slice) -> slice:
        """Which of the columns that are looked at lie within others."""
        first = self._stride // 2
        ends = (columns.start, columns.stop)
        start, stop = (-(-(end - first) // self._stride) for end in ends)
        return slice(max(0, start), stop)

    def bars(self, columns: slice) -> tuple[int, int]:
        """Lines of the bars at either end, judged by some of the columns."""
        levels = np.stack([one[:, columns] for one in self._frames])
        return _bar(levels), _bar(levels[:, ::-1])


def _bar(levels_TLS: NDArray[np.uint8]) -> int:
    """Lines of the bar at the start; T frames, L lines, S samples of each."""
    lines = levels_TLS.shape[1]
    if levels_TLS.size == 0:
        return 0
    black = float(np.median(levels_TLS[:, :THINNEST]))
    is_lit_LS = (levels_TLS > black + LIT).mean(axis=0) >= OFTEN
    lit_L = is_lit_LS.mean(axis=1)
    dark = int(np.argmax(lit_L > FEW)) if (lit_L > FEW).any() else lines
    if black > DARKEST or not THINNEST <= dark <= LARGEST * lines:
        return 0
    is_picture = lit_L[dark : dark + EDGE] >= MOST
    spread = np.percentile(levels_TLS[:, : max(1, dark - EDGE)], (5, 95))
    if not is_picture.any() or spread[1] - spread[0] > UNEVEN:
        return 0
    return dark + int(np.argmax(is_picture))
