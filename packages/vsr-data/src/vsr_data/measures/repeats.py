"""Which frames show nothing new: duplicates, as of a changed frame rate, and frozen ones.

A codec shows the same picture twice with small differences, more of them where it saves bits, and a
slow scene moves hardly more than that. So a change is small by what changes around it.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from vsr_data.measures.activity import greatest_change, motion
from vsr_data.measures.luma import Luma

FROZEN: Final = 0.25
"""Levels; a block changes by less only where nothing does, whatever changed before."""

LARGEST: Final = 4.0
"""Levels; a block that changes by more has moved, however much others move."""

OVERALL: Final = 0.75
"""Levels; a frame that differs by more on average has at least grain of its own."""

SHARE: Final = 1 / 6
"""Of the usual change, up to which one may come of coding alone."""

MEMORY: Final = 24  # changes that what is usual is known from
LEAST: Final = 5  # changes without which nothing is usual yet
CADENCE: Final = 0.1  # share of repeated frames from which a film is taken to have them throughout


@dataclass
class Repeats:
    """Tells of each frame of a film, in order, whether it shows what the last one kept shows."""

    _before: Luma | None = None
    _changes: deque[float] = field(default_factory=lambda: deque(maxlen=MEMORY))
    _seen: int = 0
    _repeated: int = 0

    def is_repeated(self, luma_HW: Luma, *, starts_run: bool) -> bool:
        """Whether to leave the next frame out.

        Args:
            luma_HW: the frame, reduced to about 240 rows.
            starts_run: whether it need not be like the one before; it is never repeated then.
        """
        self._seen += 1
        if starts_run:
            if self._repeated < CADENCE * self._seen:
                self._changes.clear()
            self._before = None
        if self._before is not None:
            change = greatest_change(luma_HW, self._before)
            if change < self._threshold() and motion(luma_HW, self._before) < OVERALL:
                self._repeated += 1
                return True
            self._changes.append(change)
        self._before = luma_HW
        return False

    def _threshold(self) -> float:
        if len(self._changes) < LEAST:
            return FROZEN
        usual = sorted(self._changes)[3 * len(self._changes) // 4]  # half may be of repeats
        return max(FROZEN, min(LARGEST, SHARE * usual))
