"""When a run logs, validates, saves and takes snapshots: by steps, by the clock, and on request.

Steps alone would be wrong for long ones: at 14 s a step the first row would come after 12 minutes
and the first checkpoint after 2 hours.
"""

import time
from collections.abc import Callable
from typing import Final

from vsr_settings import Train
from vsr_train.signals import Request

LOG_S: Final = 300.0
"""Seconds after which a row of the log is due, and with it a snapshot and a verdict."""


class Cadence:
    """What is due after each step.

    Args:
        train: the `[train]` section.
        clock: seconds that only grow.
    """

    def __init__(self, train: Train, clock: Callable[[], float] = time.monotonic) -> None:
        self._train = train
        self._clock = clock
        self._began = self._logged = self._saved = clock()

    def by_clock(self) -> Request:
        """Return what is due by the clock, whatever the step."""
        now, train, due = self._clock(), self._train, Request.NOTHING
        if now - self._logged >= LOG_S:
            due |= Request.LOG
        if train.save_minutes and now - self._saved >= 60 * train.save_minutes:
            due |= Request.SAVE
        if train.max_hours is not None and now - self._began >= 3600 * train.max_hours:
            due |= Request.STOP
        return due

    def by_step(self, step: int) -> Request:
        """Return what is due after a step, numbered from 1; the first logs, the last does all."""
        train, due = self._train, Request.NOTHING
        is_last = step == train.max_steps
        if is_last or step == 1 or step % train.log_every == 0:
            due |= Request.LOG
        if is_last or step % train.val_every == 0:
            due |= Request.VALIDATE
        if is_last or step % train.save_every == 0:
            due |= Request.SAVE
        return due

    def logged(self) -> None:
        """A row of the log was written."""
        self._logged = self._clock()

    def saved(self) -> None:
        """A checkpoint was saved."""
        self._saved = self._clock()
