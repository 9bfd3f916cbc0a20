"""Whether a run goes on, and how long it still takes: from its rows and the time of day."""

import math
from dataclasses import dataclass
from typing import Final

from vsr_viewer.figures import duration, is_known, moment
from vsr_viewer.record import Record
from vsr_viewer.record.log import PAUSE

LATEST_ROWS: Final = 100
"""Of the log, by which the pace is told."""


@dataclass(frozen=True)
class State:
    """How far a run is."""

    word: str
    """`running`, `finished`, `stopped`, `quiet` or `not begun`."""
    style: str
    """Class of its chip."""
    told: str
    """What follows from it, a few words."""
    left: float | None = None
    """Seconds that it still takes; None where that is not known, or it does not run."""
    until: float = math.inf
    """Unix seconds up to which this holds, if no row comes."""


def state_of(record: Record, now: float, *, has_ended: bool = False) -> State:
    """Return the state of a run.

    Args:
        record: the run.
        now: Unix seconds.
        has_ended: whether the run itself says that it has.
    """
    log, most = record.log, record.max_steps
    written = "" if log.last_time is None else moment(log.last_time)
    if not log.last_step:
        return State("not begun", "", "no step is logged yet")
    if most is not None and log.last_step >= most:
        return State("finished", "good", written)
    if has_ended:
        return State("stopped", "usable", written)
    if log.last_time is None:
        return State("quiet", "", "its rows say no time")
    own = log.validation.last("seconds") or 0.0
    until = log.last_time + PAUSE + 2 * own
    if now > until:
        return State("quiet", "usable", f"last row {written}")
    left = _left(record)
    return State("running", "good", f"{duration(left)} left" if left else "", left, until)


def _left(record: Record) -> float | None:
    """Return the seconds until the last step, at the pace of the latest rows."""
    log, most = record.log, record.max_steps
    steps, times = log.training.steps, log.training["time"]
    if most is None or len(steps) < 2:
        return None
    made = passed = 0.0
    first = max(1, len(steps) - LATEST_ROWS)
    for i in range(first, len(steps)):
        took = times[i] - times[i - 1]
        if is_known(took) and 0 < took <= PAUSE:
            made += steps[i] - steps[i - 1]
            passed += took
    return (most - log.last_step) * passed / made if made else None
