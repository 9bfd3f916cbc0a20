"""Figures over the whole run, a few rows high, with their range on the left."""

from collections.abc import Sequence
from typing import Final

from rich.segment import Segment

from vsr_train.report.live.rows import ACCENT, DIM, LABEL, Row
from vsr_train.report.live.trend import trend

WIDEST: Final = 4
"""Columns of a value where there are few."""


def chart(title: str, values: Sequence[float], width: int, height: int, style: str) -> list[Row]:
    """Return a space, a title, and the values over time in so many rows.

    Args:
        title: what they are.
        values: over time, at least one, all finite.
        width: columns of all of it.
        height: rows of the values.
        style: how the largest and the smallest are written.
    """
    ranges = {0: format(max(values), style), height - 1: format(min(values), style)}
    room = width - LABEL - 2
    each = max(1, min(WIDEST, room // len(values)))
    lines = trend([value for value in values for _ in range(each)], room, height)
    rows: list[Row] = [(), (Segment(f" {title}", DIM),)]
    for at, line in enumerate(lines):
        rows.append((Segment(f" {ranges.get(at, ''):>{LABEL - 2}}  ", DIM), *curve(line)))
    return rows


def curve(line: str) -> Row:
    """Return a line of a trend in its colour."""
    return (Segment(line, ACCENT),)
