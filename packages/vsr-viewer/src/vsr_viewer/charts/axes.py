"""Where an axis begins and ends, and which round numbers are written along it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vsr_viewer.figures import short_number

PAD: Final = 0.06
"""Part of the range that is left free above and below."""

LEAST_SPAN: Final = 1e-9
"""Of a range, relative to its ends: less is one value."""

MOST_DECADES: Final = 8
"""What a logarithmic axis shows below its largest figure."""


@dataclass(frozen=True)
class Axis:
    """A range, in figures or, where it is logarithmic, in their decimal logarithms."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    """Places within the range, rising, and what is written there."""

    def part(self, place: float) -> float:
        """Return how far along a place is, 0 to 1."""
        return (place - self.low) / (self.high - self.low)


def linear(
    low: float, high: float, count: int, *, tight: bool = False, is_share: bool = False
) -> Axis:
    """Return an axis over a range.

    Args:
        low: the least that it shows.
        high: the largest.
        count: about how many ticks.
        tight: whether it ends where the range does.
        is_share: whether ticks are written as percentages.
    """
    least = LEAST_SPAN * max(abs(low), abs(high), 1e-6)
    if high - low < least:
        middle, half = (low + high) / 2, max(abs(low) * 0.05, 1e-6 if low else 1.0)
        low, high = middle - half, middle + half
    elif not tight:
        pad = PAD * (high - low)
        low, high = low - pad, high + pad
    step = _round_step((high - low) / count)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    of, unit = (100, "%") if is_share else (1, "")
    ticks = [(i * step, _label(i * step * of, step * of) + unit) for i in range(first, last + 1)]
    return Axis(low, high, tuple(ticks))


def logarithmic(low: float, high: float, count: int) -> Axis:
    """Return an axis over positive figures, in their logarithms."""
    top = math.log10(high)
    bottom = max(math.log10(low), top - MOST_DECADES)
    pad = max(PAD * (top - bottom), 0.03)
    bottom, top = bottom - pad, top + pad
    ways = ((1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 5), (1, 3), (1,))
    every = [_log_ticks(bottom, top, parts) for parts in ways]
    ticks = next((some for some in every if len(some) <= count + 2), every[-1])
    if len(ticks) > count + 2:
        ticks = ticks[:: -(-len(ticks) // count)]
    if top - bottom < 1:  # in less than a decade, evenly spaced figures are read more easily
        figures = linear(10**bottom, 10**top, count, tight=True)
        ticks = [(math.log10(at), label) for at, label in figures.ticks if at > 0]
    return Axis(bottom, top, tuple(ticks))


def _log_ticks(bottom: float, top: float, parts: Sequence[int]) -> list[tuple[float, str]]:
    decades = range(math.floor(bottom), math.ceil(top) + 1)
    places = [(math.log10(part) + d, float(f"{part}e{d}")) for d in decades for part in parts]
    return [(place, short_number(at)) for place, at in places if bottom <= place <= top]


def _round_step(rough: float) -> float:
    """Return the next of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(each * power for each in (1, 2, 2.5, 5, 10) if each * power >= rough * (1 - 1e-9))


def _label(value: float, step: float) -> str:
    """Return a tick's number with as many digits as tell it from its neighbours."""
    if abs(value) < step / 2:
        return "0"
    if abs(value) >= 1e4 or abs(value) < 1e-3:
        return short_number(value).replace("-", "−")
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if round(step, digits) != step and not math.isclose(round(step, digits), step):
        digits += 1  # 2.5
    return f"{value:,.{min(digits, 6)}f}".replace("-", "−")
