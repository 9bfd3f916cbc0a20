"""Figures by step, a column for each: what a hundred thousand rows become.

Steps rise. A figure that a row lacks, or that is no number, is NaN.
"""

import math
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, Final

MOST: Final = 1e30
"""Beyond it nothing is drawn; such a figure counts as none."""


def number(value: Any) -> float:
    """Return what JSON gave as a number; NaN where it is none that can be drawn."""
    if type(value) is float or type(value) is int:
        return float(value) if -MOST < value < MOST else math.nan
    return math.nan


class Columns:
    """The figures of one kind of row.

    Args:
        names: the figures; one that is an entry of a table is named `table.entry`.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.steps = array("q")
        self._paths = {name: name.partition(".")[::2] for name in names}
        self._values = {name: array("d") for name in names}

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, name: str) -> "array[float]":
        return self._values[name]

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def extend(self, steps: Sequence[int], rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows whose steps rise, the first of them past the last that is there."""
        self.steps.extend(steps)
        for name, (outer, inner) in self._paths.items():
            self._values[name].extend(_column(rows, outer, inner))

    def cut(self, step: int) -> None:
        """Forget what is of a step or later."""
        stays = bisect_left(self.steps, step)
        if stays < len(self.steps):
            del self.steps[stays:]
            for column in self._values.values():
                del column[stays:]

    def last(self, name: str) -> float | None:
        """Return the latest figure that is known."""
        return next((each for each in reversed(self._values[name]) if not math.isnan(each)), None)


def _column(rows: Sequence[Mapping[str, Any]], outer: str, inner: str) -> "array[float]":
    try:  # nearly always: every row has it, and it is a number
        values = [row[outer][inner] for row in rows] if inner else [row[outer] for row in rows]
        column = array("d", values)
    except (KeyError, TypeError, OverflowError):
        return array("d", [_figure(row.get(outer), inner) for row in rows])
    if column and not (min(column) > -MOST and max(column) < MOST and sum(column) < math.inf):
        return array("d", map(number, column))
    return column


def _figure(value: Any, inner: str) -> float:
    if inner:
        value = value.get(inner) if isinstance(value, dict) else None
    return number(value)
