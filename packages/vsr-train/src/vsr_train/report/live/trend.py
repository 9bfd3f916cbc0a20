"""Figures over time as a few characters: what rose, what fell, and how fast.

Every line has the width that was asked for, whatever the values.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

BLOCKS: Final = " ▁▂▃▄▅▆▇█"
"""A character filled from below by no, one, … eight eighths."""

LOG_RATIO: Final = 4.0
"""Largest over smallest value from which on a scale is logarithmic: a loss falls by factors."""

MOST_POINTS: Final = 256
"""Points that a history keeps; no terminal shows more."""


def trend(values: Sequence[float], width: int, height: int = 1) -> list[str]:
    """Return lines that show values over time, the oldest on the left, the top line first.

    The smallest value is an eighth of a character high, the largest fills the height; values that
    are all equal stand half as high. What is not finite is left out.

    Args:
        values: over time; more than there are columns are averaged.
        width: characters of a line.
        height: lines.
    """
    points = _averaged([value for value in values if math.isfinite(value)], width)
    if not points or width < 1 or height < 1:
        return [" " * max(0, width)] * max(0, height)
    eighths = [1 + round(level * (8 * height - 1)) for level in _levels(points)]
    return [
        "".join(BLOCKS[min(8, max(0, filled - 8 * row))] for filled in eighths).ljust(width)
        for row in reversed(range(height))
    ]


def is_logarithmic(values: Sequence[float]) -> bool:
    """Tell whether values, at least one, are shown by their logarithms."""
    low, high = min(values), max(values)
    return low > 0 and high > LOG_RATIO * low


class History:
    """Values over a whole run in bounded memory: neighbours are averaged where there are many."""

    def __init__(self) -> None:
        self._points: list[float] = []
        self._each = 1
        self._latest: list[float] = []

    def add(self, value: float) -> None:
        """Add the next value; one that is not finite has no place in an average."""
        if not math.isfinite(value):
            return
        self._latest.append(value)
        if len(self._latest) < self._each:
            return
        self._points.append(_mean(self._latest))
        self._latest = []
        if len(self._points) >= MOST_POINTS:
            self._points = [_mean(pair) for pair in zip(*[iter(self._points)] * 2, strict=False)]
            self._each *= 2

    @property
    def values(self) -> tuple[float, ...]:
        """The points so far, the oldest first; the last one may stand for fewer values."""
        rest = [_mean(self._latest)] if self._latest else []
        return (*self._points, *rest)


def _levels(points: Sequence[float]) -> list[float]:
    """Return where values stand between the smallest and the largest, in [0, 1]."""
    if is_logarithmic(points):
        points = [math.log(value) for value in points]
    low, high = min(points), max(points)
    span = high - low
    if not 0 < span < math.inf:
        return [0.5] * len(points)
    return [(value - low) / span for value in points]


def _averaged(values: Sequence[float], most: int) -> Sequence[float]:
    """Return at most so many values, each the mean of those that it stands for."""
    if len(values) <= most or most < 1:
        return values
    edges = [column * len(values) // most for column in range(most + 1)]
    return [_mean(values[start:stop]) for start, stop in pairwise(edges)]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(value / len(values) for value in values)
