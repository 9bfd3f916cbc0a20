"""A run on a screen: from what is known of it, and the screen's size, to lines that fit.

A pure function. No line is wider than the screen and three quarters of its height are used at
most, so that what is printed stays visible above; where there is less room, less is shown.
"""

from typing import Final

from vsr_train.report.live import frame, losses, scores
from vsr_train.report.live.rows import Block, Lines, Row, beside, cropped
from vsr_train.report.live.status import Status

TWO_COLUMNS: Final = 120
"""Columns of a screen from which on losses and validations are beside each other."""

GAP: Final = 3
"""Columns between the two."""

LEAST_CHART, MOST_CHART = 3, 8
"""Rows of a chart, where there is room for one."""


def panel(status: Status, width: int, height: int) -> Lines:
    """Return what is drawn of a run.

    Args:
        status: the run.
        width: columns of the screen.
        height: its rows.
    """
    most = max(1, height * 3 // 4)
    if status.shows_help:
        rows = _dropped([*_top(status, width), *frame.help_text(width)], most)
    elif width >= TWO_COLUMNS and (found := _two_columns(status, width, most)):
        rows = found
    else:
        rows = _dropped(_one_column(status, width), most)
    return Lines(tuple(cropped(row, width) for row in rows))


def _top(status: Status, width: int) -> Block:
    return [
        (1, frame.head(status, width)),
        (0, frame.progress(status, width)),
        (5, frame.pace(status, width)),
    ]


def _one_column(status: Status, width: int) -> Block:
    return [
        *_top(status, width),
        *losses.terms(status, width),
        (6, losses.rate(status, width)),
        (6, losses.memory(status, width)),
        *scores.latest(status, width),
        *scores.watch(status, width, 2),
        (4, frame.keys(status, width)),
    ]


def _two_columns(status: Status, width: int, most: int) -> list[Row]:
    """Return rows in two columns, filled up with charts and tables; empty if there is no room."""
    half = (width - GAP) // 2
    other = width - GAP - half
    left = [
        *_rows(losses.terms(status, half)),
        losses.rate(status, half),
        losses.memory(status, half),
    ]
    right = [*_rows(scores.latest_tall(status, other)), *_rows(scores.watch(status, other, 3))]
    room = most - len(_top(status, width)) - 1
    if max(len(left), len(right)) > room:
        return []
    left += losses.loss_chart(status, half, _chart(room - len(left)))
    right += scores.gain_chart(status, other, _chart(room - len(right)))
    right += scores.score_table(status, room - len(right))
    left += scores.clip_table(status, half, room - len(left))
    columns = beside(left, right, half, GAP)
    return [*_rows(_top(status, width)), *columns, frame.keys(status, width)]


def _chart(room: int) -> int:
    """Return how many rows a chart gets of the room there is, under its title and a space."""
    return min(MOST_CHART, room - 2) if room - 2 >= LEAST_CHART else 0


def _rows(block: Block) -> list[Row]:
    return [row for _, row in block]


def _dropped(block: Block, most: int) -> list[Row]:
    """Return at most so many rows, in their order; those of the highest number go first."""
    kept = sorted(range(len(block)), key=lambda at: (block[at][0], at))[:most]
    return [block[at][1] for at in sorted(kept)]
