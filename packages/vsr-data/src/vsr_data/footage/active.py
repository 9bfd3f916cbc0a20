"""The part of a film's frames that is picture, where there are black bars around it."""

from typing import NamedTuple, Self

from vsr_data.measures import Bars
from vsr_data.pixels import Size


class Active(NamedTuple):
    """A part of low-resolution frames; times the scale, it is the same part of sharp ones."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def whole(cls, lq_size: Size) -> Self:
        """All of a frame."""
        return cls(0, 0, *lq_size)

    @classmethod
    def within(cls, bars: Bars, lq_size: Size, scale: int) -> Self:
        """What black bars leave, so that no pixel of a low-resolution frame has seen one.

        Cubic convolution that is widened `scale` times looks two of its pixels far.

        Args:
            bars: in pixels of sharp frames.
            lq_size: (height, width) of a low-resolution frame.
            scale: how many times larger each side of a sharp one is.
        """
        top, bottom, left, right = (_clear_of(bar, scale) for bar in bars)
        height, width = lq_size
        return cls(top, left, max(0, height - top - bottom), max(0, width - left - right))

    @property
    def size(self) -> Size:
        """(height, width) in low-resolution pixels."""
        return self.height, self.width


def _clear_of(bar: int, scale: int) -> int:
    """How many low-resolution pixels from the border the first one is that no bar reaches."""
    return -(-(2 * bar + 3 * scale) // (2 * scale)) if bar else 0
