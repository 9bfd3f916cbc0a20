"""Figures as words, the same everywhere on a page; a dash for what is not known."""

import math
from datetime import UTC, datetime
from typing import Final

NOTHING: Final = "–"

MINUTE, HOUR, DAY = 60, 3600, 86400


def is_known(value: float | None) -> bool:
    """Whether a figure is a finite number."""
    return value is not None and math.isfinite(value)


def decimals(value: float | None, digits: int, unit: str = "") -> str:
    """Return a figure with so many digits after the point."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:,.{digits}f}{unit and ' ' + unit}" if abs(value) < 1e15 else f"{value:.3g}"


def signed(value: float | None, digits: int, unit: str = "dB") -> str:
    """Return what is gained or lost, with its sign."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if abs(value) >= 1e15:
        return f"{value:+.3g}"
    return f"{value:+,.{digits}f}{unit and ' ' + unit}".replace("-", "−")


def percent(value: float | None) -> str:
    """Return a share."""
    return NOTHING if value is None or not is_known(value) else f"{value:.0%}"


def count(number: int, one: str, many: str = "") -> str:
    """Return how many there are, `1 clip` or `12 clips`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def short_number(value: float) -> str:
    """Return a number for an axis: `0`, `250`, `12k`, `1.5M`, `1e-5`."""
    size = abs(value)
    if size >= 1e9 or (value and size < 1e-3):
        mantissa, _, exponent = f"{value:.3g}".partition("e")
        return f"{mantissa}e{int(exponent)}" if exponent else mantissa
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if size >= unit:
            return f"{value / unit:.4g}{letter}"
    return f"{value:.4g}"


def duration(seconds: float | None) -> str:
    """Return a time in its two largest units, as in `3 h 20 min`."""
    if seconds is None or not is_known(seconds) or abs(seconds) > 1e10:
        return NOTHING
    whole = max(0, round(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return _two(whole, MINUTE, "min", 1, "s")
    if whole < DAY:
        return _two(whole, HOUR, "h", MINUTE, "min")
    return _two(whole, DAY, "d", HOUR, "h")


def _two(whole: int, large: int, large_name: str, small: int, small_name: str) -> str:
    rest = whole % large // small
    return f"{whole // large} {large_name}" + (f" {rest} {small_name}" if rest else "")


def moment(seconds: float | None) -> str:
    """Return a moment as a date and a time of day where the machine is."""
    if seconds is None or not is_known(seconds):
        return NOTHING
    try:
        at = datetime.fromtimestamp(seconds, UTC).astimezone()
    except (OverflowError, OSError, ValueError):
        return NOTHING
    return f"{at.day} {at:%b %Y, %H:%M}"
