"""When a run logs, validates, saves and stops: by steps and by the clock.

Steps alone would be wrong for long ones: at 14 s a step a row would come every 12 minutes and the
first checkpoint after 2 hours. What signals ask for comes on top (`signals`), and snapshots between
two rows are the watch's own.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from vsr_settings import Train
from vsr_train.signals import Action

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
        self._now = clock
        self._began = self._logged = self._saved = clock()

    def by_clock(self) -> Action:
        """Return what is due by the clock, whatever the step."""
        now, train, due = self._now(), self._train, Action.NOTHING
        if now - self._logged >= LOG_S:
            due |= Action.LOG
        if train.save_minutes and now - self._saved >= 60 * train.save_minutes:
            due |= Action.SAVE
        if train.max_hours is not None and now - self._began >= 3600 * train.max_hours:
            due |= Action.STOP
        return due

    def by_step(self, step: int) -> Action:
        """Return what is due after a step, numbered from 1; the first logs, the last does all."""
        train, due = self._train, Action.NOTHING
        is_last = step == train.max_steps
        if is_last or step == 1 or step % train.log_every == 0:
            due |= Action.LOG
        if is_last or step % train.val_every == 0:
            due |= Action.VALIDATE
        if is_last or step % train.save_every == 0:
            due |= Action.SAVE
        return due

    def logged(self) -> None:
        """Begin the time to the next log: this one is told, in a row where any step was finite."""
        self._logged = self._now()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let no time pass to the next log while the context lasts: there is nothing to tell.

        Else a row and a snapshot more would tell that there was a pause.
        """
        began = self._now()
        yield
        self._logged += self._now() - began

    def saved(self) -> None:
        """Begin the time to the next save: the first process has handed this one to its writer."""
        self._saved = self._now()
