"""A hundred thousand points thinned to what a screen shows: extremes stay where they are."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]
"""A step and a figure."""


@dataclass(frozen=True)
class Curve:
    """What is drawn of one figure over the steps; NaN where there is a gap."""

    line: tuple[Point, ...]
    """The points; of many, the mean of each bucket at its last step."""
    band: tuple[tuple[float, float, float], ...] = ()
    """Step, least and largest figure of each bucket; empty where the line has every point."""

    @property
    def values(self) -> list[float]:
        """Every figure that is drawn."""
        drawn = [value for _, value in self.line]
        drawn += [edge for _, low, high in self.band for edge in (low, high)]
        return [value for value in drawn if not math.isnan(value)]


def thinned(steps: Sequence[int], values: Sequence[float], buckets: int) -> Curve:
    """Return a curve of about so many points.

    Args:
        steps: rising.
        values: a figure for each; NaN where there is none.
        buckets: equal parts of the steps; the curve keeps each one's mean and extremes.
    """
    if len(steps) <= 2 * buckets:
        return Curve(tuple(zip(steps, values, strict=True)))
    line: list[Point] = []
    band: list[tuple[float, float, float]] = []
    for first, stop in _buckets(steps, buckets):
        known = _known(values[first:stop])
        at = steps[stop - 1]
        if not known:
            line.append((at, math.nan))
            band.append((at, math.nan, math.nan))
            continue
        line.append((at, sum(known) / len(known)))
        band.append((at, min(known), max(known)))
    return Curve(tuple(line), tuple(band))


def extremes(steps: Sequence[int], values: Sequence[float], buckets: int) -> Curve:
    """Return a curve of points that are there: the least and the largest of each bucket.

    For curves that lie over others, where bands would hide them.
    """
    if len(steps) <= 2 * buckets:
        return Curve(tuple(zip(steps, values, strict=True)))
    line: list[Point] = []
    for first, stop in _buckets(steps, buckets):
        known = [i for i in range(first, stop) if not math.isnan(values[i])]
        if not known:
            line.append((steps[stop - 1], math.nan))
            continue
        low, high = min(known, key=values.__getitem__), max(known, key=values.__getitem__)
        line += [(steps[i], values[i]) for i in sorted({low, high})]
    return Curve(tuple(line))


def _buckets(steps: Sequence[int], buckets: int) -> Iterator[tuple[int, int]]:
    """Yield the first and stop of the places in each part of the steps that has any."""
    first, span = steps[0], steps[-1] - steps[0] + 1
    edges = [first + span * i / buckets for i in range(buckets + 1)]
    for begin, end in pairwise(bisect_left(steps, edge) for edge in edges):
        if begin < end:
            yield begin, end


def _known(values: Sequence[float]) -> Sequence[float]:
    if not math.isnan(sum(values)):  # nearly always
        return values
    return [value for value in values if not math.isnan(value)]
